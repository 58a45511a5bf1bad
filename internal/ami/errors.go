package ami

import (
	"fmt"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// A NameTakenError is returned if the account has an AMI of that name in the
// region.
type NameTakenError struct{ Name, Region, ImageID string }

func (e NameTakenError) Error() string {
	return fmt.Sprintf("the name %q is taken in %s by %s", e.Name, e.Region, e.ImageID)
}

// A NoPVError is returned if a region has no instance type that runs PV images.
type NoPVError struct{ Region string }

func (e NoPVError) Error() string {
	return fmt.Sprintf("region %s has no instance type that runs PV images: use one that does, for example us-east-1 or eu-west-1", e.Region)
}

// A NoEncryptedPVError is returned if a region has instance types that run PV
// images, but none of them supports encrypted volumes.
type NoEncryptedPVError struct{ Region string }

func (e NoEncryptedPVError) Error() string {
	return fmt.Sprintf("region %s has no instance type that runs PV images with encrypted volumes, as c3 and m3 do: use another region, or don't encrypt", e.Region)
}

// An EncryptedByDefaultError is returned if no encryption is wanted, but the
// account encrypts all new snapshots.
type EncryptedByDefaultError struct{ Region string }

func (e EncryptedByDefaultError) Error() string {
	return fmt.Sprintf("{Encrypt} is false, but the account encrypts all new snapshots in %s: remove {Encrypt}, or turn that off (aws ec2 disable-ebs-encryption-by-default --region %s)", e.Region, e.Region)
}

// A ProtectedError is returned if the AMI to replace is protected from
// deregistration.
type ProtectedError struct{ Name, Region, ImageID, State string }

func (e ProtectedError) Error() string {
	return fmt.Sprintf("%s, which has the name %q in %s, is protected from deregistration (%s): use another name, or disable the protection (aws ec2 disable-image-deregistration-protection --region %s --image-id %s)",
		e.ImageID, e.Name, e.Region, e.State, e.Region, e.ImageID)
}

// A NoXenError says that a region has no instance type on which Xen runs hvm
// images.
type NoXenError struct{ Region string }

func (e NoXenError) Error() string {
	return fmt.Sprintf("region %s has no instance type that runs hvm images on Xen: use one that has, for example us-east-1 or eu-west-1", e.Region)
}

// A NoPVGRUBError is returned if Amazon offers no PV-GRUB in a region.
type NoPVGRUBError struct {
	Region, Architecture string
	Version              string // the only one that was wanted; "" if any was
}

func (e NoPVGRUBError) Error() string {
	if e.Version != "" {
		return fmt.Sprintf("look up PV-GRUB in %s: Amazon offers no image of version %s for %s there: use another {Version}, or omit it to use the newest", e.Region, e.Version, e.Architecture)
	}
	return fmt.Sprintf("look up PV-GRUB in %s: Amazon offers no pv-grub-hd0 image for %s there: use a region that runs PV instances, for example us-east-1 or eu-west-1", e.Region, e.Architecture)
}

// A ShareError is returned if EC2 refuses to share an AMI or a snapshot. Public
// is set if it was to be shared with every account.
type ShareError struct {
	Region, ID string
	Kind       string // "AMI" or "snapshot"
	Public     bool
	Err        error
}

func (e ShareError) Error() string {
	return fmt.Sprintf("share %s %s in %s: %v%s", e.Kind, e.ID, e.Region, e.Err, e.remedy())
}

func (e ShareError) Unwrap() error { return e.Err }

// remedy explains the refusals that the account's settings and quotas cause.
func (e ShareError) remedy() string {
	switch {
	case e.Public && cloud.HasCode(e.Err, "OperationNotPermitted") && e.Kind == "AMI":
		return fmt.Sprintf(": if block public access is on in %s, see aws ec2 get-image-block-public-access-state --region %s", e.Region, e.Region)
	case e.Public && cloud.HasCode(e.Err, "OperationNotPermitted"):
		return fmt.Sprintf(": encrypted snapshots can't be public, nor any while block public access is on, see aws ec2 get-snapshot-block-public-access-state --region %s", e.Region)
	case cloud.HasCode(e.Err, "OperationNotPermitted"):
		return ": a snapshot that is encrypted with the default key can't be shared: use a customer managed key"
	case e.Public && cloud.HasCode(e.Err, "ResourceLimitExceeded", "AMIQuotaExceeded"):
		return fmt.Sprintf(": deregister public AMIs that are no longer needed in %s, or request a higher quota for public AMIs", e.Region)
	case cloud.HasCode(e.Err, "InvalidAMIAttributeItemValue"):
		return ": the account or organization doesn't exist, or the AMI can't be shared with it"
	}
	return ""
}
