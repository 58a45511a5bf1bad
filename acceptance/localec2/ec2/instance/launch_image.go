package instance

import (
	"cmp"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

// readImage reads the image, and the kernel that replaces the image's kernel.
func (s *Instances) readImage(c *query.Call, l *launch) error {
	id, err := c.Form.Need("ImageId")
	if err != nil {
		return err
	}
	img, err := s.images.Find(c.Region, id)
	if err != nil {
		if s.images.Deregistered(c.Region, id) {
			return api.Bad("InvalidAMIID.Unavailable", "The image ID '%s' is no longer available", id)
		}
		return err
	}
	if !img.IsMachine() {
		return api.Bad("InvalidAMIID.Malformed", `Invalid id: "%s" (expecting "ami-...")`, id)
	}
	if img.State(s.acct.Now()) != image.Available {
		return api.Bad("InvalidAMIID.Unavailable", "The image ID '%s' is in the state %s", id, img.State(s.acct.Now()))
	}
	if img.Virtualization == image.HVM && (c.Form.Has("KernelId") || c.Form.Has("RamdiskId")) {
		return api.Bad("InvalidParameterCombination", "The parameter KernelId is not supported for HVM instances")
	}
	if err := s.images.CheckKernel(c, img); err != nil {
		return err
	}
	l.model.image, l.model.kernel = img, cmp.Or(c.Form.Text("KernelId"), img.Kernel)
	if img.Virtualization == image.Paravirtual && l.model.kernel == "" {
		return api.Bad("MissingParameter", "The request must contain the parameter kernelId: the image %s names no kernel", id)
	}
	return nil
}

// typeNamed returns the requested instance type. The default of EC2 is m1.small
// (RunInstances, "InstanceType").
func typeNamed(c *query.Call) (instanceType, error) {
	name := cmp.Or(c.Form.Text("InstanceType"), "m1.small")
	i := slices.IndexFunc(instanceTypes, func(t instanceType) bool { return t.name == name })
	if i < 0 {
		return instanceType{}, api.Bad("InvalidParameterValue", "Invalid value '%s' for InstanceType.", name)
	}
	return instanceTypes[i], nil
}

// readType checks that the instance type can run the image. The message for a
// virtualization type is AWS's, as users report it.
func (s *Instances) readType(c *query.Call, l *launch) error {
	t, err := typeNamed(c)
	if err != nil {
		return err
	}
	img := l.model.image
	if img.Virtualization == image.Paravirtual && !t.pv {
		return wrongVirtualization(t, image.HVM)
	}
	if img.Virtualization == image.HVM && !t.hvm {
		return wrongVirtualization(t, image.Paravirtual)
	}
	if !slices.Contains(strings.Fields(t.architectures), img.Architecture) {
		return api.Bad("InvalidParameterValue", "The architecture '%s' of the specified instance type does not match the architecture '%s' of the specified AMI. "+
			"Specify an instance type and an AMI that have matching architectures, and try again.", strings.ReplaceAll(t.architectures, " ", ","), img.Architecture)
	}
	if img.Encrypted() && t.encryption() != "supported" { // EC2's code and wording are not known
		return api.Bad("InvalidParameterCombination", "The instance type %s doesn't support encrypted EBS volumes, such as those of %s.", t.name, img.ID)
	}
	if !t.offered(c.Region) {
		return api.Bad("Unsupported", "The requested configuration is currently not supported. Please check the documentation for supported configurations.")
	}
	l.model.typ = t
	return nil
}

func wrongVirtualization(t instanceType, needed string) error {
	return api.Bad("InvalidParameterCombination", "Virtualization type '%s' is required for instances of type '%s'. "+
		"Ensure that you are using an AMI with virtualization type '%s'. For more information, see http://docs.aws.amazon.com/AWSEC2/latest/UserGuide/virtualization_types.html",
		needed, t.name, needed)
}
