package boot

import "github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"

// others are the systems that have no image for Xen PV, or not of this kind:
// why that is so, and which way leads to an AMI.
var others = map[string]string{
	"includeos": "IncludeOS has drivers for virtio, vmxnet3, e1000 and IDE, none of which EC2 has: no way leads to an AMI but building the program with another system, such as MirageOS or Unikraft",
	"hermit":    "Hermit has drivers for virtio and boots by its own loader or uhyve: run it under KVM on a metal instance, or build the program with a system that has Xen PV images, such as Unikraft",
	"nanos":     "nanos boots by its own loader on HVM instances: make the AMI with \"ops image create -t aws\"",
	"runtimejs": "runtime.js has drivers for virtio only, which EC2 doesn't have: no way leads to an AMI but another system",
	"toro":      "Toro has drivers for virtio only and starts as PVH in microVMs: run it under KVM on a metal instance",
	"osv":       "OSv starts as Xen PV only when it is built with conf_drivers_xen=1; the better way is an HVM AMI of its disk image usr.img, by OSv's scripts/ec2-make-ami.py",
	"unikraft":  "this Unikraft is built for another platform than Xen: choose the platform Xen (CONFIG_PLAT_XEN), and give the file that ends in _xen-x86_64",
	"rumprun":   "this Rumprun is baked for hardware or KVM: bake it for Xen (rumprun-bake xen_pv)",
	"mirage":    "build it for Xen PV by mirage before 3.9 (mirage configure -t xen); later ones start as PVH there, which takes an HVM AMI that starts them with a multiboot loader such as GRUB 2",
	"solo5":     "no Solo5 image is Xen PV: build the program with mirage before 3.9 (mirage configure -t xen), or for Solo5's target xen, which takes an HVM AMI with a multiboot loader such as GRUB 2",
	"ling":      "this LING is built for another platform than Xen, which railing -v tells: use a railing that is built for xen",
	"grub":      "this GRUB is made for another platform than Xen PV: make it by grub-mkimage -O x86_64-xen (or i386-xen)",
	"linux":     "this Linux is built without CONFIG_XEN_PV: use a kernel with it",
}

// noXenData is the finding for an ELF that tells Xen nothing: what it is, as far
// as its content shows, and which way leads on.
func noXenData(f *image.Facts) image.Finding {
	why, known := others[f.System]
	switch {
	case f.ELF.Solo5Target != "" && known:
		return image.Findingf("not-xen", "the ELF has no Xen PV data, it is a Solo5 image for the target %s: %s", f.ELF.Solo5Target, why)
	case f.ELF.Program != "" && f.System != "ling": // LING's platform posix makes programs
		return image.Findingf("not-xen", "the ELF is %s, not a kernel: it has no Xen PV data; build the program into a Xen PV unikernel, or run it on a Linux AMI", f.ELF.Program)
	case known:
		return image.Findingf("not-xen", "the ELF has no Xen PV data: %s", why)
	case !f.ELF.HasSections:
		return image.Findingf("no-sections", "the ELF has no Xen note and no section headers, where most unikernels keep __xen_guest: don't strip these (strip -s keeps them; sstrip and strip --strip-section-headers don't)")
	case f.ELF.Multiboot:
		return image.Findingf("not-xen", "the ELF has neither Xen's ELF notes nor a section __xen_guest, but a multiboot header: build the image for Xen PV, or make an HVM AMI that starts it with a multiboot loader such as GRUB 2")
	}
	return image.Findingf("not-xen", "the ELF has neither Xen's ELF notes nor a section __xen_guest: build the image for Xen PV")
}

// pvhOnly says why a PVH kernel is refused, and what to do instead.
func pvhOnly(system string, fault image.Finding) image.Finding {
	why, known := others[system]
	switch {
	case system == "mirage":
		return image.Findingf("pvh-only", "the image starts only as PVH, as all of MirageOS 3.9 and later, and PV-GRUB starts PV kernels: rebuild it with mirage before 3.9, or make an HVM AMI that starts it with a multiboot loader such as GRUB 2")
	case system == "linux":
		return image.Findingf("pvh-only", "the kernel starts only as PVH (%v), and PV-GRUB starts PV kernels: use an x86_64 kernel with CONFIG_XEN_PV, as Linux has no 32-bit PV since 5.9", fault)
	case known:
		return image.Findingf("pvh-only", "the kernel starts only as PVH (its one entry is the note PHYS32_ENTRY), and PV-GRUB starts PV kernels: %s", why)
	}
	return image.Findingf("pvh-only", "the kernel starts only as PVH (its one entry is the note PHYS32_ENTRY), and PV-GRUB starts PV kernels: build it for Xen PV, or make an HVM AMI that starts it with a multiboot loader such as GRUB 2")
}
