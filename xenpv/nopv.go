package xenpv

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
)

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

// What notes of other owners than Xen tell.
const (
	noteSolo5ABI  = 0x31494241 // "ABI1" (solo5/elf_abi.h)
	noteGNUABITag = 1          // its first word is the system; 0 is Linux (Linux Standard Base)
	noteGoBuildID = 4
)

// solo5Targets are Solo5's targets by their number in its note (enum abi_target).
var solo5Targets = map[uint64]string{1: "hvt", 2: "spt", 3: "virtio", 4: "muen", 5: "genode", 6: "xen"}

// takeOther takes over what a note of another owner tells of the kind of image.
func (g *guest) takeOther(b *blob, owner string, h noteHeader, desc uint64) {
	switch {
	case owner == "Solo5" && h.Type == noteSolo5ABI:
		g.solo5 = b.uint(desc, 4)
	case owner == "HERMIT":
		g.hermit = true
	case owner == "GNU" && h.Type == noteGNUABITag && h.Descsz >= 4 && b.uint(desc, 4) == 0:
		g.program = "a program for Linux"
	case owner == "Go" && h.Type == noteGoBuildID:
		g.program = "a Go program"
	}
}

// noXenData is the finding for an ELF that tells Xen nothing: what it is, as far
// as its content shows, and which way leads on.
func (g *guest) noXenData(f *elfFile, system string) error {
	program := f.programKind(g)
	why, known := others[system]
	switch {
	case g.solo5 != 0 && known:
		return finding("not-xen", "the ELF has no Xen PV data, it is a Solo5 image for the target %s: %s", solo5Target(g.solo5), why)
	case program != "" && system != "ling": // LING's platform posix makes programs
		return finding("not-xen", "the ELF is %s, not a kernel: it has no Xen PV data; build the program into a Xen PV unikernel, or run it on a Linux AMI", program)
	case known:
		return finding("not-xen", "the ELF has no Xen PV data: %s", why)
	case len(f.sections) == 0:
		return finding("no-sections", "the ELF has no Xen note and no section headers, where most unikernels keep __xen_guest: don't strip these (strip -s keeps them; sstrip and strip --strip-section-headers don't)")
	case f.isMultiboot():
		return finding("not-xen", "the ELF has neither Xen's ELF notes nor a section __xen_guest, but a multiboot header: build the image for Xen PV, or make an HVM AMI that starts it with a multiboot loader such as GRUB 2")
	}
	return finding("not-xen", "the ELF has neither Xen's ELF notes nor a section __xen_guest: build the image for Xen PV")
}

func solo5Target(n uint64) string {
	if name, ok := solo5Targets[n]; ok {
		return name
	}
	return fmt.Sprint(n)
}

// programKind says what an ELF is that runs on an operating system, "" where it
// may be a kernel. Solo5's images have an interpreter too, one that can't be.
func (f *elfFile) programKind(g *guest) string {
	dynamic := false
	for _, s := range f.segments {
		dynamic = dynamic || s.kind == elf.PT_DYNAMIC
		if path, ok := f.cstring(s.off, maxString); s.kind == elf.PT_INTERP && ok && strings.Contains(path, "/ld") {
			return "a program for Linux"
		}
	}
	switch {
	case f.kind == elf.ET_CORE:
		return "a core dump"
	case f.kind == elf.ET_DYN && dynamic && g.program == "" && f.entry == 0:
		return "a shared object"
	}
	return g.program
}

// isMultiboot looks for the header of multiboot 1 or 2 where these demand it:
// in the first 8 or 32 KiB, aligned to 4 or 8 bytes.
func (f *elfFile) isMultiboot() bool {
	const magic1, magic2 = 0x1badb002, 0xe85250d6
	head, _ := f.bytes(0, min(32<<10, f.size))
	for at := 0; at+16 <= len(head); at += 4 {
		word := func(i int) uint32 { return binary.LittleEndian.Uint32(head[at+4*i:]) }
		switch {
		case word(0) == magic1 && at < 8<<10 && word(0)+word(1)+word(2) == 0:
			return true
		case word(0) == magic2 && at%8 == 0 && word(0)+word(1)+word(2)+word(3) == 0:
			return true
		}
	}
	return false
}
