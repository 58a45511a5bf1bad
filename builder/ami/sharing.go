//go:generate packer-sdc struct-markdown

package ami

import (
	"fmt"
	"regexp"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
)

// Sharing are the options that give other accounts permissions. They are given when
// the AMI is available; earlier permissions don't exist.
type Sharing struct {
	// Accounts that may launch the AMI: IDs of 12 digits. They need no permission
	// on its snapshots for that. If the snapshots are encrypted, the accounts must
	// also be allowed to use `kms_key_id`.
	AMIUsers []string `mapstructure:"ami_users"`
	// `["all"]` makes the AMI public, unless the account blocks public access. An
	// encrypted AMI can't be public.
	AMIGroups []string `mapstructure:"ami_groups"`
	// Organizations whose accounts may launch the AMI, for example
	// `["arn:aws:organizations::111122223333:organization/o-abcdefghij"]`.
	AMIOrgARNs []string `mapstructure:"ami_org_arns"`
	// Organizational units whose accounts may launch the AMI, for example
	// `["arn:aws:organizations::111122223333:ou/o-abcdefghij/ou-ab12-cdefgh34"]`.
	AMIOUARNs []string `mapstructure:"ami_ou_arns"`
	// Product codes of the AWS Marketplace to associate with the AMI. They can't be
	// removed from it later.
	AMIProductCodes []string `mapstructure:"ami_product_codes"`
	// Accounts that may create volumes from the snapshots: IDs of 12 digits.
	SnapshotUsers []string `mapstructure:"snapshot_users"`
	// `["all"]` makes the snapshots public, unless the account blocks public access.
	// Encrypted snapshots can't be public.
	SnapshotGroups []string `mapstructure:"snapshot_groups"`
}

func (s *Sharing) permissions() ami.Permissions {
	return ami.Permissions{
		Users: s.AMIUsers, Groups: s.AMIGroups, OrgARNs: s.AMIOrgARNs, OUARNs: s.AMIOUARNs,
		SnapshotUsers: s.SnapshotUsers, SnapshotGroups: s.SnapshotGroups,
	}
}

// productCode matches the codes of the AWS Marketplace.
var productCode = regexp.MustCompile(`^[a-z0-9]{1,64}$`)

func (s *Sharing) check() []error {
	errs := []error{s.permissions().Check()}
	for _, code := range s.AMIProductCodes {
		if !productCode.MatchString(code) {
			errs = append(errs, fmt.Errorf("ami_product_codes contains %q: a product code consists of lower-case letters and digits", code))
		}
	}
	return errs
}
