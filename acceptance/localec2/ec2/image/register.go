package image

import (
	"cmp"
	"regexp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func (s *Images) registerActions() map[string]query.Action {
	return map[string]query.Action{
		"RegisterImage": {
			Params: []string{"Name", "Description", "Architecture", "VirtualizationType", "KernelId", "RamdiskId", "RootDeviceName",
				"BlockDeviceMapping", "EnaSupport", "SriovNetSupport", "BootMode", "TpmSupport", "UefiData", "ImdsSupport",
				"TagSpecification", "ImageLocation", "BillingProduct"},
			Run: s.registerImage,
		},
		"DeregisterImage": {
			Params: []string{"ImageId", "DeleteAssociatedSnapshots"},
			Run:    s.deregisterImage,
		},
	}
}

// imageType is used to create ids and read tags. Errors for bad image ids
// differ from those of other resources.
var imageType = resource.Type{Prefix: "ami", Name: "image"}

// imageName matches valid names (RegisterImage, "Name").
var imageName = regexp.MustCompile(`^[A-Za-z0-9()\[\] ./\-'@_]{3,128}$`)

type registerImageResponse struct {
	query.Response
	ImageID string `xml:"imageId"`
}

func (s *Images) registerImage(c *query.Call) (any, error) {
	img, err := s.readImage(c)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	img.created = s.acct.Now()
	img.usable = img.created.Add(s.pending)
	s.regions[c.Region].images[img.ID] = img
	c.Resource = img.ID
	return &registerImageResponse{ImageID: img.ID}, nil
}

// readImage reads and checks a RegisterImage request. The defaults are AWS's:
// an EBS-backed image is i386 and paravirtual.
func (s *Images) readImage(c *query.Call) (*Image, error) {
	f := c.Form
	name, err := s.freeName(c)
	if err != nil {
		return nil, err
	}
	img := &Image{
		Name: name, imageType: machine, owner: s.acct.ID, location: s.acct.ID + "/" + name, rootType: "ebs",
		description: f.Text("Description"), Architecture: cmp.Or(f.Text("Architecture"), "i386"),
		Virtualization: cmp.Or(f.Text("VirtualizationType"), Paravirtual), Kernel: f.Text("KernelId"),
		RootDevice: f.Text("RootDeviceName"), sriov: f.Text("SriovNetSupport"), boot: f.Text("BootMode"),
		imds: f.Text("ImdsSupport"), tpm: f.Text("TpmSupport"),
	}
	if img.ena, err = f.Flag("EnaSupport", false); err != nil {
		return nil, err
	}
	for _, check := range []func(*query.Call, *Image) error{s.checkValues, s.checkVirtualization, s.CheckKernel, s.checkRoot} {
		if err := check(c, img); err != nil {
			return nil, err
		}
	}
	common, err := query.NewCommon(s.acct, c, imageType)
	img.Common = common
	return img, err
}

// freeName returns the requested name. It must be valid and not in use by
// another image of the account in the region.
func (s *Images) freeName(c *query.Call) (string, error) {
	name, err := c.Form.Need("Name")
	if err != nil {
		return "", err
	}
	if !imageName.MatchString(name) {
		return "", api.Bad("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', '/', '_', '[', ']', ''', '@' and spaces")
	}
	for _, img := range s.regions[c.Region].images {
		if img.Name == name && img.owner == s.acct.ID {
			return "", api.Bad("InvalidAMIName.Duplicate", "AMI name %s is already in use by AMI %s", name, img.ID)
		}
	}
	return name, nil
}
