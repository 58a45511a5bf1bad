package ami

import "fmt"

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

// A NoXenError says that a region has no instance type on which Xen runs hvm
// images.
type NoXenError struct{ Region string }

func (e NoXenError) Error() string {
	return fmt.Sprintf("region %s has no instance type that runs hvm images on Xen: use one that has, for example us-east-1 or eu-west-1", e.Region)
}

// A NoPVGRUBError is returned if Amazon offers no PV-GRUB in a region.
type NoPVGRUBError struct{ Region, Architecture string }

func (e NoPVGRUBError) Error() string {
	return fmt.Sprintf("look up PV-GRUB in %s: Amazon offers no pv-grub-hd0 image for %s there: use a region that runs PV instances, for example us-east-1 or eu-west-1", e.Region, e.Architecture)
}
