package boot

import (
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

// Protocol returns the way that Xen starts the kernel: "pv", "pvh" if it starts only as
// PVH, else "none".
func Protocol(f *image.Facts) string {
	switch {
	case !f.Executable:
		return "none"
	case len(pvFaults(f)) == 0:
		return "pv"
	case startsAsPVH(f):
		return "pvh"
	}
	return "none"
}

// checkPV returns why Xen doesn't start an image as PV.
func checkPV(f *image.Facts) []image.Finding {
	problems := slices.Clone(f.Problems)
	if !f.Executable {
		return problems
	}
	faults := pvFaults(f)
	if len(faults) > 0 && startsAsPVH(f) {
		return append(problems, pvhOnly(f.System, faults[0]))
	}
	return append(problems, faults...)
}

// pvFaults lists why Xen doesn't start the kernel as PV, by the rules of libelf
// (xen/common/libelf/libelf-dominfo.c) and of the domain builder
// (tools/libs/guest/xg_dom_elfloader.c).
func pvFaults(f *image.Facts) []image.Finding {
	if f.Guest.Source == "" {
		return []image.Finding{noXenData(f)}
	}
	var faults []image.Finding
	for _, check := range []func(*image.Facts) *image.Finding{checkLoader, checkXenVersion, checkFeatures, checkPAE, checkAddresses} {
		if fault := check(f); fault != nil {
			faults = append(faults, *fault)
		}
	}
	return faults
}

func checkLoader(f *image.Facts) *image.Finding {
	if strings.HasPrefix(f.Guest.Loader, "generic") || strings.HasPrefix(f.Guest.OS, "linux") {
		return nil
	}
	return fault("loader", "LOADER is %q and GUEST_OS is %q; Xen requires the loader \"generic\" or a GUEST_OS that starts with \"linux\" for PV kernels: build the image for Xen PV", f.Guest.Loader, f.Guest.OS)
}

func checkXenVersion(f *image.Facts) *image.Finding {
	if strings.HasPrefix(f.Guest.XenVersion, "xen-3.0") {
		return nil
	}
	return fault("xen-version", "XEN_VERSION is %q; Xen requires \"xen-3.0\" for PV kernels: build the image for Xen PV", f.Guest.XenVersion)
}

// xenFeatures are the features that Xen knows by name (elf_xen_feature_names).
var xenFeatures = []string{
	"writable_page_tables", "writable_descriptor_tables", "auto_translated_physmap",
	"supervisor_mode_kernel", "pae_pgdir_above_4gb", "hvm_callback_vector", "dom0",
}

// checkFeatures checks the features that the kernel requires, which are marked with a
// "!". It may offer any feature.
func checkFeatures(f *image.Facts) *image.Finding {
	for feature := range strings.SplitSeq(f.Guest.Features, "|") {
		required, ok := strings.CutPrefix(feature, "!")
		switch {
		case ok && required == "dom0":
			return fault("dom0-only", "the kernel requires being Xen's dom0 (FEATURES %q), but EC2 runs domU kernels: build it for domU", f.Guest.Features)
		case ok && !slices.Contains(xenFeatures, required):
			return fault("unknown-feature", "the kernel requires %q (FEATURES %q), which Xen doesn't support: build it without that", required, f.Guest.Features)
		}
	}
	return nil
}

func checkPAE(f *image.Facts) *image.Finding {
	if f.Arch != "i386" || f.Guest.PAE {
		return nil
	}
	return fault("no-pae", "the 32-bit kernel doesn't declare that it uses PAE, which Xen requires: build it with PAE (note PAE_MODE \"yes\", or PAE=yes in __xen_guest), or for x86_64")
}

// fault makes a finding like [image.Findingf], for rules that may find nothing.
func fault(code, format string, args ...any) *image.Finding {
	found := image.Findingf(code, format, args...)
	return &found
}

// maxMemory is more than any instance type that runs PV has (hs1.8xlarge: 117
// GiB), in bytes. A kernel whose segments span more is damaged.
const maxMemory = 128 << 30

// checkAddresses applies libelf's elf_xen_addr_calc_check, and rejects segments that
// no instance has enough memory for.
func checkAddresses(f *image.Facts) *image.Finding {
	if f.Guest.PaddrOffset != image.Unset && f.Guest.VirtBase == image.Unset {
		return fault("paddr-offset", "the image has PADDR_OFFSET %#x but no VIRT_BASE; Xen requires both or neither: add VIRT_BASE to its notes", f.Guest.PaddrOffset)
	}
	start, end := f.ELF.Start, f.ELF.End
	if start > end || end-start > maxMemory {
		return fault("segments", "the loadable segments span %#x to %#x; a kernel must have at least one and span at most 128 GiB: correct the linker script, or download the image again", start, end)
	}
	base, offset := base(f)
	kstart, kend := start+offset, end+offset
	entry := f.Guest.Entry
	if entry == image.Unset {
		entry = f.ELF.Entry
	}
	switch {
	case kstart > kend || base > kstart:
		return fault("start-bounds", "the kernel starts at %#x, below its VIRT_BASE %#x, where Xen can't load it: correct VIRT_BASE, PADDR_OFFSET or the segments' p_paddr in the linker script", kstart, base)
	case entry < kstart || entry > kend:
		return fault("entry-bounds", "the entry %#x is outside the kernel, which Xen loads at %#x to %#x: correct the image's ENTRY, VIRT_BASE or PADDR_OFFSET", entry, kstart, kend)
	case f.Guest.InitP2M != image.Unset && f.Guest.InitP2M >= kstart && f.Guest.InitP2M < kend:
		return fault("p2m-bounds", "INIT_P2M %#x is inside the kernel, which Xen loads at %#x to %#x: use an address outside", f.Guest.InitP2M, kstart, kend)
	}
	return nil
}

// base returns the virtual address of pseudo-physical 0, and the offset from a p_paddr
// to its virtual address. Without PADDR_OFFSET, it is 0 with notes, and VIRT_BASE with
// the legacy section, whose kernels had virtual addresses in p_paddr.
func base(f *image.Facts) (base, offset uint64) {
	if f.Guest.VirtBase != image.Unset {
		base = f.Guest.VirtBase
	}
	switch {
	case f.Guest.PaddrOffset != image.Unset:
		return base, base - f.Guest.PaddrOffset
	case f.Guest.Source == "section":
		return base, 0
	}
	return base, base
}

// startsAsPVH reports whether Xen would start the kernel as PVH: at PHYS32_ENTRY,
// which must be in the loaded kernel.
func startsAsPVH(f *image.Facts) bool {
	start, end := f.ELF.Start, f.ELF.End
	return f.Guest.Phys32Entry != image.Unset32 && start <= f.Guest.Phys32Entry && f.Guest.Phys32Entry <= end
}
