//go:generate packer-sdc struct-markdown

package ami

import (
	"errors"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
)

// Encryption are the options for the encryption of the snapshots.
type Encryption struct {
	// Whether the snapshots that the build makes are encrypted, and with them all
	// volumes of the AMI's instances. They are encrypted as they are written; no
	// unencrypted copy ever exists. Default: the account's setting for the region,
	// which the plan shows. `false` is an error if the account encrypts everything.
	// Of the instance types that run paravirtual AMIs, only c3 and m3 support
	// encrypted volumes.
	EncryptBoot config.Trilean `mapstructure:"encrypt_boot"`
	// The KMS key for the encryption: the ID of a key of this account, or an ARN of
	// a key in the region. Requires `encrypt_boot = true`. Default: the account's
	// default key for EBS, which is Amazon's own (`alias/aws/ebs`) unless changed; an
	// AMI encrypted with that one can't be shared. Aliases are not supported by the
	// EBS direct APIs.
	KMSKeyID string `mapstructure:"kms_key_id"`
}

func (e *Encryption) wanted() ami.Encryption {
	return ami.Encryption{Encrypt: e.EncryptBoot.ToBoolPointer(), KMSKey: e.KMSKeyID}
}

func (e *Encryption) check(region string, sharing *Sharing) []error {
	var errs []error
	if e.KMSKeyID != "" {
		errs = append(errs, ami.CheckKMSKey(region, e.KMSKeyID))
		if !e.EncryptBoot.True() {
			errs = append(errs, errors.New("kms_key_id is set, but encrypt_boot is not true: set encrypt_boot to true, or remove kms_key_id"))
		}
	}
	if e.EncryptBoot.True() && len(sharing.AMIGroups)+len(sharing.SnapshotGroups) > 0 {
		errs = append(errs, errors.New("encrypt_boot is true, but ami_groups or snapshot_groups is set: what is encrypted can't be public; remove one of them"))
	}
	return errs
}
