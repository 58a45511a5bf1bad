package localec2

import (
	"slices"
	"strings"
)

// readLaunchImage reads the image, and the kernel that takes its kernel's place.
func (s *Server) readLaunchImage(c *call, l *launch) error {
	id, err := c.form.need("ImageId")
	if err != nil {
		return err
	}
	img, err := s.findImage(c, id)
	if err != nil {
		if s.regions[c.region].deregistered[id] {
			return bad("InvalidAMIID.Unavailable", "The image ID '%s' is no longer available", id)
		}
		return err
	}
	if img.kind != "machine" {
		return bad("InvalidAMIID.Malformed", `Invalid id: "%s" (expecting "ami-...")`, id)
	}
	if img.state(s.opts.Now()) != "available" {
		return bad("InvalidAMIID.Unavailable", "The image ID '%s' is in the state %s", id, img.state(s.opts.Now()))
	}
	if img.virtualization == hvm && (c.form.has("KernelId") || c.form.has("RamdiskId")) {
		return bad("InvalidParameterCombination", "The parameter KernelId is not supported for HVM instances")
	}
	if err := s.checkKernel(c, img); err != nil {
		return err
	}
	l.model.image, l.model.kernel = img, orElse(c.form.text("KernelId"), img.kernel)
	if img.virtualization == paravirtual && l.model.kernel == "" {
		return bad("MissingParameter", "The request must contain the parameter kernelId: the image %s names no kernel", id)
	}
	i := slices.IndexFunc(img.mappings, func(m mapping) bool { return isRoot(img.rootDevice, m.device) })
	l.model.root = img.mappings[i] // checked when the image was registered
	return nil
}

// typeNamed finds the instance type that a request names. m1.small is EC2's
// default (RunInstances, "InstanceType").
func typeNamed(c *call) (instanceType, error) {
	name := orElse(c.form.text("InstanceType"), "m1.small")
	i := slices.IndexFunc(instanceTypes, func(t instanceType) bool { return t.name == name })
	if i < 0 {
		return instanceType{}, bad("InvalidParameterValue", "Invalid value '%s' for InstanceType.", name)
	}
	return instanceTypes[i], nil
}

// readType checks that the type runs the image. The wording for a
// virtualization type is AWS's, as users report it.
func (s *Server) readType(c *call, l *launch) error {
	t, err := typeNamed(c)
	if err != nil {
		return err
	}
	img := l.model.image
	if img.virtualization == paravirtual && !t.pv {
		return wrongVirtualization(t, hvm)
	}
	if img.virtualization == hvm && !t.hvm {
		return wrongVirtualization(t, paravirtual)
	}
	if !slices.Contains(strings.Fields(t.architectures), img.architecture) {
		return bad("InvalidParameterValue", "The architecture '%s' of the specified instance type does not match the architecture '%s' of the specified AMI. "+
			"Specify an instance type and an AMI that have matching architectures, and try again.", strings.ReplaceAll(t.architectures, " ", ","), img.architecture)
	}
	if !t.offered(c.region) {
		return bad("Unsupported", "The requested configuration is currently not supported. Please check the documentation for supported configurations.")
	}
	l.model.kind = t
	return nil
}

func wrongVirtualization(t instanceType, needed string) error {
	return bad("InvalidParameterCombination", "Virtualization type '%s' is required for instances of type '%s'. "+
		"Ensure that you are using an AMI with virtualization type '%s'. For more information, see http://docs.aws.amazon.com/AWSEC2/latest/UserGuide/virtualization_types.html",
		needed, t.name, needed)
}
