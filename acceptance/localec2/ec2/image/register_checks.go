package image

import (
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
)

// checkValues checks the parameters that have a fixed set of values.
func (s *Images) checkValues(c *query.Call, img *Image) error {
	for _, p := range []struct {
		name, value string
		allowed     []string
	}{
		{"architecture", img.Architecture, []string{"i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac"}},
		{"virtualizationType", img.Virtualization, []string{Paravirtual, HVM}},
		{"sriovNetSupport", img.sriov, []string{"", "simple"}},
		{"bootMode", img.boot, []string{"", "legacy-bios", "uefi", "uefi-preferred"}},
		{"tpmSupport", img.tpm, []string{"", "v2.0"}},
		{"imdsSupport", img.imds, []string{"", "v2.0"}},
	} {
		if !slices.Contains(p.allowed, p.value) {
			return api.Bad("InvalidParameterValue", "Invalid value '%s' for %s.", p.value, p.name)
		}
	}
	if c.Form.Has("ImageLocation") {
		return api.Bad("UnsupportedOperation", "localec2 registers EBS-backed images only, not a manifest in S3")
	}
	return nil
}

// checkVirtualization checks the parameters that only one of the virtualization
// types can have. AWS documents EnaSupport and SriovNetSupport as HVM only, and
// says nothing about the others. Rejecting them here keeps a client from
// finding out on AWS.
func (s *Images) checkVirtualization(c *query.Call, img *Image) error {
	if img.Virtualization == HVM {
		if img.Kernel != "" || c.Form.Has("RamdiskId") {
			return api.Bad("InvalidParameterCombination", "An HVM image can't have a kernel or a RAM disk of its own")
		}
		return nil
	}
	for _, name := range []string{"SriovNetSupport", "BootMode", "TpmSupport", "UefiData"} {
		if c.Form.Has(name) {
			return api.Bad("InvalidParameterCombination", "The parameter %s is not supported for paravirtual images", name)
		}
	}
	if img.ena {
		return api.Bad("InvalidParameterCombination", "The parameter EnaSupport is not supported for paravirtual images")
	}
	if img.Architecture != "i386" && img.Architecture != "x86_64" {
		return api.Bad("InvalidParameterCombination", "The architecture %s is not supported for paravirtual images", img.Architecture)
	}
	if !regions.PV(c.Region) {
		return api.Bad("UnsupportedOperation", "Paravirtual images are not supported in the region %s", c.Region)
	}
	return nil
}

// CheckKernel checks KernelId and RamdiskId. EC2's error for an unknown kernel
// is known only for manifests in S3: "Invalid or unaccessible kernel id in ami
// manifest" (InvalidManifest, datastax-archive/ComboAMI#83). An EBS-backed
// image has no manifest, so the error here is the one for any unknown image.
// The error for a kernel of the other architecture is not known.
func (s *Images) CheckKernel(c *query.Call, img *Image) error {
	for _, name := range []string{"KernelId", "RamdiskId"} {
		id := c.Form.Text(name)
		if id == "" {
			continue
		}
		prefix := map[string]string{"KernelId": "aki-", "RamdiskId": "ari-"}[name]
		if !strings.HasPrefix(id, prefix) {
			return api.Bad("InvalidAMIID.Malformed", `Invalid id: "%s" (expecting "%s...")`, id, prefix)
		}
		kernel, err := s.Find(c.Region, id)
		if err != nil {
			return err
		}
		if kernel.Architecture != img.Architecture {
			return api.Bad("InvalidParameterCombination", "The kernel %s is for the architecture %s, the image is %s", id, kernel.Architecture, img.Architecture)
		}
	}
	return nil
}

// checkRoot checks the block devices. The root device must be one of them.
func (s *Images) checkRoot(c *query.Call, img *Image) (err error) {
	if !c.Form.Has("BlockDeviceMapping") {
		return api.Bad("MissingParameter", "The request must contain the parameter blockDeviceMapping")
	}
	if _, err := c.Form.Need("RootDeviceName"); err != nil {
		return err
	}
	if img.Mappings, err = s.readMappings(c, img.Virtualization); err != nil {
		return err
	}
	i := slices.IndexFunc(img.Mappings, func(m Mapping) bool { return isRoot(img.RootDevice, m.Device) })
	if i < 0 {
		return BadDevice("The root device '%s' has no block device mapping", img.RootDevice)
	}
	root := img.Mappings[i]
	if root.Snapshot == "" {
		return BadDevice("The root device '%s' must have a snapshot", img.RootDevice)
	}
	if !volumeTypes[root.volumeType].boots {
		return api.Bad("InvalidParameterCombination", "The %s volume type cannot be used for boot volumes. Please use a supported boot volume type: standard,io1,io2,gp2,gp3.", root.volumeType)
	}
	return nil
}

// isRoot reports whether a device is the root device. EC2 accepts a mapping of
// a disk if the root device is its first partition: such images exist
// (hashicorp/terraform#2271).
func isRoot(root, device string) bool {
	return root == device || root == device+"1"
}
