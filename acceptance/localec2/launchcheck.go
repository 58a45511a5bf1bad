package localec2

import (
	"encoding/base64"
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

// maxUserData is AWS's limit on user data before it is encoded, in bytes.
const maxUserData = 16 << 10

// readOptions reads what is the same for all places.
func (s *Server) readOptions(c *call, l *launch) error {
	f := c.form
	switch f.text("InstanceInitiatedShutdownBehavior") {
	case "", "stop":
	case "terminate":
		l.model.terminates = true
	default:
		return bad("InvalidParameterValue", "Value (%s) for parameter instanceInitiatedShutdownBehavior is invalid.", f.text("InstanceInitiatedShutdownBehavior"))
	}
	if name := f.text("KeyName"); name != "" {
		return bad("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", name)
	}
	if f.has("IamInstanceProfile") {
		p := f.at("IamInstanceProfile")
		return bad("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile is invalid. Invalid IAM Instance Profile", orElse(p.text("Name"), p.text("Arn")))
	}
	data, err := base64.StdEncoding.DecodeString(f.text("UserData"))
	if err != nil {
		return bad("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
	}
	if len(data) > maxUserData {
		return bad("InvalidParameterValue", "User data is limited to %d bytes", maxUserData)
	}
	return l.readMarket(f.at("InstanceMarketOptions"))
}

// readMarket has an instance run as a spot instance: here none is ever taken
// away, and none costs anything.
func (l *launch) readMarket(f *form) error {
	if err := f.only("MarketType", "SpotOptions"); err != nil {
		return err
	}
	switch f.text("MarketType") {
	case "":
	case "spot":
		l.model.spot = true
	default:
		return bad("InvalidParameterValue", "Value (%s) for parameter MarketType is invalid.", f.text("MarketType"))
	}
	return nil
}
