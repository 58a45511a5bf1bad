package xenpv

import (
	"debug/elf"
	"slices"
	"strings"
)

// describe fills in what the ELF says, and judges it by Xen's PV rules.
func (r *Report) describe(f *elfFile) {
	g := f.readGuest()
	r.Format, r.Arch = f.format(), f.arch()
	r.GuestOS, r.Loader, r.XenVersion, r.Source = g.guestOS, g.loader, g.xenVersion, g.source
	marks := scan(f.blob, marksFor(g))
	r.System = system(g, r.Payload, marks)

	if fault := f.check(r.System); fault != nil {
		r.refuse(fault)
		return
	}
	faults := g.pvFaults(f, r.System)
	switch {
	case len(faults) == 0:
		r.Boot = "pv"
		r.MaxMemoryMiB = maxMemoryMiB(r.System, marks)
		r.warn(systemWarnings(r.System, marks)...)
	case g.startsAsPVH(f):
		r.Boot = "pvh"
		r.refuse(pvhOnly(r.System, faults[0]))
	default:
		r.refuse(faults...)
	}
}

// check finds out whether the file is an executable for x86 at all.
func (f *elfFile) check(system string) error {
	switch {
	case f.truncated != "":
		return truncated(f.truncated)
	case f.format() == "":
		return finding("wrong-class", "the ELF has class %d, and there are 1 (32-bit) and 2 (64-bit): fetch or build the image again", f.class)
	case f.data != elf.ELFDATA2LSB:
		return finding("wrong-machine", "the ELF has byte order %s, and EC2 runs PV kernels for x86_64 and i386, which are little-endian: build the image for one of these", f.data)
	case f.arch() == "":
		return finding("wrong-machine", "the ELF is for %s, and EC2 runs PV kernels for x86_64 and i386: build the image for one of these", f.machine)
	case (f.class == elf.ELFCLASS64) != (f.machine == elf.EM_X86_64):
		return finding("wrong-class", "the ELF is of %s for %s: build a 64-bit ELF for x86_64, or a 32-bit one for i386", f.class, f.machine)
	case f.kind == elf.ET_REL && system == "ling":
		return finding("object-file", "the ELF is an object file (ET_REL), LING's core that railing links with the program: give the image that it makes of both (railing image)")
	case f.kind == elf.ET_REL:
		return finding("object-file", "the ELF is an object file (ET_REL), which has no address to be loaded at: link it, and give the executable")
	}
	return nil
}

func truncated(part string) Finding {
	return finding("truncated", "the %s lies beyond the end of the file: the image is truncated or damaged, fetch or build it again", part)
}

// pvFaults lists what Xen holds against starting the kernel as PV, by the
// checks of libelf (xen/common/libelf/libelf-dominfo.c) and of the domain
// builder (tools/libs/guest/xg_dom_elfloader.c).
func (g *guest) pvFaults(f *elfFile, system string) []error {
	if g.source == "" {
		return []error{g.noXenData(f, system)}
	}
	faults := []error{g.checkLoader(), g.checkXenVersion(), g.checkFeatures(), g.checkPAE(f), g.checkAddresses(f)}
	return slices.DeleteFunc(faults, func(err error) bool { return err == nil })
}

func (g *guest) checkLoader() error {
	if strings.HasPrefix(g.loader, "generic") || strings.HasPrefix(g.guestOS, "linux") {
		return nil
	}
	return finding("loader", "LOADER is %q and GUEST_OS %q, and Xen starts PV kernels for the loader \"generic\" or with a GUEST_OS that begins with \"linux\": build the image for Xen PV", g.loader, g.guestOS)
}

func (g *guest) checkXenVersion() error {
	if strings.HasPrefix(g.xenVersion, "xen-3.0") {
		return nil
	}
	return finding("xen-version", "XEN_VERSION is %q, and Xen starts PV kernels for \"xen-3.0\": build the image for Xen PV", g.xenVersion)
}

// xenFeatures are the features that Xen knows by name (elf_xen_feature_names).
var xenFeatures = []string{
	"writable_page_tables", "writable_descriptor_tables", "auto_translated_physmap",
	"supervisor_mode_kernel", "pae_pgdir_above_4gb", "hvm_callback_vector", "dom0",
}

// checkFeatures looks at the features that the kernel requires, marked with a
// "!". It may offer any.
func (g *guest) checkFeatures() error {
	for feature := range strings.SplitSeq(g.features, "|") {
		required, ok := strings.CutPrefix(feature, "!")
		switch {
		case ok && required == "dom0":
			return finding("dom0-only", "the kernel requires to be Xen's dom0 (FEATURES %q), and EC2 runs domU kernels: build it for domU", g.features)
		case ok && !slices.Contains(xenFeatures, required):
			return finding("unknown-feature", "the kernel requires %q (FEATURES %q), which Xen doesn't know: build it without", required, g.features)
		}
	}
	return nil
}

func (g *guest) checkPAE(f *elfFile) error {
	if f.machine != elf.EM_386 || g.pae {
		return nil
	}
	return finding("no-pae", "the 32-bit kernel doesn't say that it uses PAE, and Xen starts no other: build it with PAE (note PAE_MODE \"yes\", or PAE=yes in __xen_guest), or for x86_64")
}

// pvhOnly says why a PVH kernel is refused, and what to do instead.
func pvhOnly(system string, fault error) error {
	why, known := others[system]
	switch {
	case system == "mirage":
		return finding("pvh-only", "the image starts only as PVH, as all of MirageOS 3.9 and later, and PV-GRUB starts PV kernels: rebuild it with mirage before 3.9, or make an HVM AMI that starts it with a multiboot loader such as GRUB 2")
	case system == "linux":
		return finding("pvh-only", "the kernel starts only as PVH (%v), and PV-GRUB starts PV kernels: use an x86_64 kernel with CONFIG_XEN_PV, as Linux has no 32-bit PV since 5.9", fault)
	case known:
		return finding("pvh-only", "the kernel starts only as PVH (its one entry is the note PHYS32_ENTRY), and PV-GRUB starts PV kernels: %s", why)
	}
	return finding("pvh-only", "the kernel starts only as PVH (its one entry is the note PHYS32_ENTRY), and PV-GRUB starts PV kernels: build it for Xen PV, or make an HVM AMI that starts it with a multiboot loader such as GRUB 2")
}
