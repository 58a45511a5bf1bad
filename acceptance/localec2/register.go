package localec2

import "regexp"

var registerActions = map[string]action{
	"RegisterImage": {
		params: []string{"Name", "Description", "Architecture", "VirtualizationType", "KernelId", "RamdiskId", "RootDeviceName",
			"BlockDeviceMapping", "EnaSupport", "SriovNetSupport", "BootMode", "TpmSupport", "UefiData", "ImdsSupport",
			"TagSpecification", "ImageLocation", "BillingProduct"},
		run: (*Server).registerImage,
	},
	"DeregisterImage": {
		params: []string{"ImageId", "DeleteAssociatedSnapshots"},
		run:    (*Server).deregisterImage,
	},
}

// imageName is the rule on names (RegisterImage, "Name").
var imageName = regexp.MustCompile(`^[A-Za-z0-9()\[\] ./\-'@_]{3,128}$`)

type registerImageResponse struct {
	response
	ImageID string `xml:"imageId"`
}

func (s *Server) registerImage(c *call) (any, error) {
	img, err := s.readImage(c)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	now := s.opts.Now()
	img.id, img.created = newID("ami-"), now
	img.visible, img.usable = now.Add(s.opts.Invisible), now.Add(s.opts.ImagePending)
	s.regions[c.region].images[img.id] = img
	c.resource = img.id
	return &registerImageResponse{ImageID: img.id}, nil
}

// readImage reads and checks a RegisterImage request. The defaults are AWS's:
// an EBS-backed image is i386 and paravirtual unless it says otherwise.
func (s *Server) readImage(c *call) (*image, error) {
	f := c.form
	name, err := s.freeName(c)
	if err != nil {
		return nil, err
	}
	img := &image{
		name: name, kind: "machine", owner: s.opts.Account, location: s.opts.Account + "/" + name, rootType: "ebs",
		description: f.text("Description"), architecture: orElse(f.text("Architecture"), "i386"),
		virtualization: orElse(f.text("VirtualizationType"), paravirtual), kernel: f.text("KernelId"),
		rootDevice: f.text("RootDeviceName"), sriov: f.text("SriovNetSupport"), boot: f.text("BootMode"),
		imds: f.text("ImdsSupport"), tpm: f.text("TpmSupport"),
	}
	if img.ena, err = f.flag("EnaSupport", false); err != nil {
		return nil, err
	}
	for _, check := range []func(*Server, *call, *image) error{(*Server).checkValues, (*Server).checkVirtualization, (*Server).checkKernel, (*Server).checkRoot} {
		if err := check(s, c, img); err != nil {
			return nil, err
		}
	}
	img.tags, err = specifiedTags(f, "image")
	return img, err
}

// freeName checks the name's form, and that no other image of the account in
// the region has it.
func (s *Server) freeName(c *call) (string, error) {
	name, err := c.form.need("Name")
	if err != nil {
		return "", err
	}
	if !imageName.MatchString(name) {
		return "", bad("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', '/', '_', '[', ']', ''', '@' and spaces")
	}
	for _, img := range s.regions[c.region].images {
		if img.name == name && img.owner == s.opts.Account {
			return "", bad("InvalidAMIName.Duplicate", "AMI name %s is already in use by AMI %s", name, img.id)
		}
	}
	return name, nil
}

func orElse(value, def string) string {
	if value == "" {
		return def
	}
	return value
}
