package localec2

import (
	"slices"
	"strings"
)

// checkValues checks the parameters that take one of a few words.
func (s *Server) checkValues(c *call, img *image) error {
	for _, p := range []struct {
		name, value string
		allowed     []string
	}{
		{"architecture", img.architecture, []string{"i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac"}},
		{"virtualizationType", img.virtualization, []string{paravirtual, hvm}},
		{"sriovNetSupport", img.sriov, []string{"", "simple"}},
		{"bootMode", img.boot, []string{"", "legacy-bios", "uefi", "uefi-preferred"}},
		{"tpmSupport", img.tpm, []string{"", "v2.0"}},
		{"imdsSupport", img.imds, []string{"", "v2.0"}},
	} {
		if !slices.Contains(p.allowed, p.value) {
			return bad("InvalidParameterValue", "Invalid value '%s' for %s.", p.value, p.name)
		}
	}
	if c.form.has("ImageLocation") {
		return bad("UnsupportedOperation", "localec2 registers EBS-backed images only, not a manifest in S3")
	}
	return nil
}

// checkVirtualization checks what only one of the two virtualization types
// can have. AWS documents EnaSupport and SriovNetSupport as for HVM only, and
// says nothing of the others: refusing them here keeps a client from finding
// out on AWS.
func (s *Server) checkVirtualization(c *call, img *image) error {
	if img.virtualization == hvm {
		if img.kernel != "" || c.form.has("RamdiskId") {
			return bad("InvalidParameterCombination", "An HVM image can't have a kernel or a RAM disk of its own")
		}
		return nil
	}
	for _, name := range []string{"SriovNetSupport", "BootMode", "TpmSupport", "UefiData"} {
		if c.form.has(name) {
			return bad("InvalidParameterCombination", "The parameter %s is not supported for paravirtual images", name)
		}
	}
	if img.ena {
		return bad("InvalidParameterCombination", "The parameter EnaSupport is not supported for paravirtual images")
	}
	if img.architecture != "i386" && img.architecture != "x86_64" {
		return bad("InvalidParameterCombination", "The architecture %s is not supported for paravirtual images", img.architecture)
	}
	if !regions[c.region].pv {
		return bad("UnsupportedOperation", "Paravirtual images are not supported in the region %s", c.region)
	}
	return nil
}

// checkKernel checks KernelId and RamdiskId. What EC2 says of a kernel that is
// not there is on record for manifests in S3 only: "Invalid or unaccessible
// kernel id in ami manifest" (InvalidManifest, datastax-archive/ComboAMI#83).
// An EBS-backed image has no manifest, so the answer here is the one for any
// image that is not there. For a kernel of the other architecture none is known.
func (s *Server) checkKernel(c *call, img *image) error {
	for _, name := range []string{"KernelId", "RamdiskId"} {
		id := c.form.text(name)
		if id == "" {
			continue
		}
		prefix := map[string]string{"KernelId": "aki-", "RamdiskId": "ari-"}[name]
		if !strings.HasPrefix(id, prefix) {
			return bad("InvalidAMIID.Malformed", `Invalid id: "%s" (expecting "%s...")`, id, prefix)
		}
		kernel, err := s.findImage(c, id)
		if err != nil {
			return err
		}
		if kernel.architecture != img.architecture {
			return bad("InvalidParameterCombination", "The kernel %s is for the architecture %s, the image is %s", id, kernel.architecture, img.architecture)
		}
	}
	return nil
}

// checkRoot checks the devices, and that the root device is one of them.
func (s *Server) checkRoot(c *call, img *image) (err error) {
	if !c.form.has("BlockDeviceMapping") {
		return bad("MissingParameter", "The request must contain the parameter blockDeviceMapping")
	}
	if _, err := c.form.need("RootDeviceName"); err != nil {
		return err
	}
	if img.mappings, err = s.readMappings(c, img.virtualization); err != nil {
		return err
	}
	i := slices.IndexFunc(img.mappings, func(m mapping) bool { return isRoot(img.rootDevice, m.device) })
	if i < 0 {
		return badDevice("The root device '%s' has no block device mapping", img.rootDevice)
	}
	root := img.mappings[i]
	if root.snapshot == "" {
		return badDevice("The root device '%s' must have a snapshot", img.rootDevice)
	}
	if !volumeKinds[root.volumeType].boots {
		return bad("InvalidParameterCombination", "The %s volume type cannot be used for boot volumes. Please use a supported boot volume type: standard,io1,io2,gp2,gp3.", root.volumeType)
	}
	return nil
}

// isRoot reports whether a device is the root device. EC2 takes a mapping of
// the disk for a root device that names its first partition: such images exist
// (hashicorp/terraform#2271).
func isRoot(root, device string) bool {
	return root == device || root == device+"1"
}
