package boot

import "github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"

// alternatives are the systems with images that are not for Xen PV: the reason, and
// another way to an AMI.
var alternatives = map[string]string{
	"includeos": "IncludeOS has drivers for virtio, vmxnet3, e1000 and IDE, which EC2 doesn't have: build the program with another system, such as MirageOS or Unikraft",
	"hermit":    "Hermit has drivers for virtio and boots with its own loader or uhyve: run it under KVM on a metal instance, or build the program with a system that has Xen PV images, such as Unikraft",
	"nanos":     "nanos boots with its own loader on HVM instances: make the AMI with \"ops image create -t aws\"",
	"runtimejs": "runtime.js has only drivers for virtio, which EC2 doesn't have: build the program with another system",
	"toro":      "Toro has only drivers for virtio and starts as PVH in microVMs: run it under KVM on a metal instance",
	"osv":       "OSv starts as Xen PV only if it is built with conf_drivers_xen=1; an HVM AMI of its disk image usr.img, made with OSv's scripts/ec2-make-ami.py, is better",
	"unikraft":  "this Unikraft is built for a platform other than Xen: select the platform Xen (CONFIG_PLAT_XEN) and specify the file whose name ends in _xen-x86_64",
	"rumprun":   "this Rumprun is baked for hardware or KVM: bake it for Xen (rumprun-bake xen_pv)",
	"mirage":    "build it for Xen PV with mirage before 3.9 (mirage configure -t xen); later versions start as PVH, which the boot method multiboot boots",
	"solo5":     "Solo5 images are never Xen PV: build the program with mirage before 3.9 (mirage configure -t xen), or for Solo5's target xen, which the boot method multiboot boots",
	"ling":      "this LING is built for a platform other than Xen (railing -v shows it): use a railing that is built for xen",
	"grub":      "this GRUB is made for a platform other than Xen PV: make it with grub-mkimage -O x86_64-xen (or i386-xen)",
	"linux":     "this Linux is built without CONFIG_XEN_PV: use a kernel that has it",
}

// noXenData returns the finding for an ELF without data for Xen: what it is, as far as
// its content shows, and a remedy.
func noXenData(f *image.Facts) image.Finding {
	why, known := alternatives[f.System]
	switch {
	case f.ELF.Solo5Target != "" && known:
		return image.Findingf("not-xen", "the ELF has no Xen PV data; it is a Solo5 image for the target %s: %s", f.ELF.Solo5Target, why)
	case f.ELF.Program != "" && f.System != "ling": // LING's platform posix builds programs
		return image.Findingf("not-xen", "the ELF is %s, not a kernel, and has no Xen PV data: build the program into a Xen PV unikernel, or run it on a Linux AMI", f.ELF.Program)
	case known:
		return image.Findingf("not-xen", "the ELF has no Xen PV data: %s", why)
	case !f.ELF.HasSections:
		return image.Findingf("no-sections", "the ELF has no Xen note and no section headers, where most unikernels keep __xen_guest: don't strip these (strip -s keeps them; sstrip and strip --strip-section-headers don't)")
	case f.ELF.Multiboot:
		return image.Findingf("not-xen", "the ELF has neither Xen's ELF notes nor a section __xen_guest, but a multiboot header: build the image for Xen PV, or use the boot method multiboot")
	}
	return image.Findingf("not-xen", "the ELF has neither Xen's ELF notes nor a section __xen_guest: build the image for Xen PV")
}

// pvhOnly returns the finding for a kernel that is only PVH, with an alternative.
func pvhOnly(system string, fault image.Finding) image.Finding {
	why, known := alternatives[system]
	switch {
	case system == "mirage":
		return image.Findingf("pvh-only", "the image starts only as PVH, like all of MirageOS 3.9 and later, but PV-GRUB starts only PV kernels: rebuild it with mirage before 3.9, or use the boot method multiboot")
	case system == "linux":
		return image.Findingf("pvh-only", "the kernel starts only as PVH (%v), but PV-GRUB starts only PV kernels: use an x86_64 kernel with CONFIG_XEN_PV (Linux has no 32-bit PV since 5.9)", fault)
	case known:
		return image.Findingf("pvh-only", "the kernel starts only as PVH (its only entry is the note PHYS32_ENTRY), but PV-GRUB starts only PV kernels: %s", why)
	}
	return image.Findingf("pvh-only", "the kernel starts only as PVH (its only entry is the note PHYS32_ENTRY), but PV-GRUB starts only PV kernels: build it for Xen PV, or use the boot method multiboot")
}
