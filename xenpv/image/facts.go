package image

import (
	"debug/elf"
	"errors"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/bootsector"
)

// Unset marks an address that the image doesn't have (libelf's UNSET_ADDR); Unset32
// is the same for PHYS32_ENTRY.
const (
	Unset   = ^uint64(0)
	Unset32 = uint64(^uint32(0))
)

// Facts are what is known about an image. Whether it boots is for package boot
// to decide.
type Facts struct {
	Format string // "elf64", "elf32", or "" if there is no ELF
	Arch   string // "x86_64", "i386", or "" for any other
	System string // the system that made it, such as "mirage", or "unknown"

	// MaxMemoryMiB is the most memory in MiB that the system supports; 0 if no
	// limit is known.
	MaxMemoryMiB int64

	Compression        string // of the file as a whole: "none", "gzip", ...
	Archive            string // the format of the archive that the kernel is in: "tar" or "zip"
	Member             string // the kernel's path in the archive
	Payload            string // "elf", "bzimage", or "" if it is neither
	PayloadCompression string // of a bzImage's ELF: "gzip", "xz", ...
	KernelSize         int64  // bytes of the decompressed ELF or bzImage

	// Executable is set for a complete ELF executable for x86. Else Problems has
	// the reason.
	Executable bool
	ELF        ELF
	Guest      Guest
	Multiboot  Multiboot
	Disk       DiskImage // of a file that is a disk, not a kernel

	Problems []Finding // faults of reading; never nil
}

// ELF are the facts about the ELF itself.
type ELF struct {
	Entry       uint64
	Start, End  uint64 // the pseudo-physical memory of the loadable segments
	HasSections bool   // there are section headers
	Multiboot   bool   // there is a header of multiboot 1 or 2
	Program     string // the kind of program for an operating system; "" if none is known
	Solo5Target string // of a Solo5 image, such as "hvt"; else ""
}

// Multiboot are the facts about a kernel's multiboot header.
type Multiboot struct {
	Header bootsector.Header
	Err    error // why the BIOS loader can't start the kernel; nil if it can
}

// Guest is what an image tells Xen about itself.
type Guest struct {
	Source     string // "notes", "section" (__xen_guest), or ""
	Loader     string
	OS         string // GUEST_OS
	XenVersion string // XEN_VERSION, or XEN_VER in the legacy section
	Features   string
	PAE        bool // a 32-bit kernel uses PAE page tables

	// Unset if the image doesn't have them.
	VirtBase, PaddrOffset, Entry, InitP2M uint64
	Phys32Entry                           uint64 // Unset32 if not given
}

// refuse adds problems, each of which is or wraps a [Finding].
func (f *Facts) refuse(problems ...error) {
	for _, err := range problems {
		if problem, ok := errors.AsType[Finding](err); ok {
			f.Problems = append(f.Problems, problem)
		}
	}
}

// describe fills in the facts about the ELF.
func (f *Facts) describe(e *elfFile) {
	g := e.readGuest()
	f.Format, f.Arch, f.Guest = e.format(), e.arch(), g.Guest
	marks := scan(e.blob, marksFor(g))
	f.System = system(g, f.Payload, marks)
	f.MaxMemoryMiB = maxMemoryMiB(f.System, marks)
	start, end := e.extent()
	f.ELF = ELF{
		Entry: e.entry, Start: start, End: end,
		HasSections: len(e.sections) > 0, Multiboot: e.isMultiboot(),
		Program: e.programKind(g), Solo5Target: solo5Target(g.solo5),
	}
	fault := e.check(f.System)
	f.refuse(fault)
	f.Executable = fault == nil
	f.Multiboot.Header, f.Multiboot.Err = bootsector.ParseMultiboot(e.blob, int64(e.size))
}

// check returns why the file is not an executable for x86; nil if it is one.
func (f *elfFile) check(system string) error {
	switch {
	case f.truncated != "":
		return truncated(f.truncated)
	case f.format() == "":
		return Findingf("wrong-class", "the ELF has class %d; only 1 (32-bit) and 2 (64-bit) exist: download or build the image again", f.class)
	case f.data != elf.ELFDATA2LSB:
		return Findingf("wrong-machine", "the ELF has byte order %s; EC2 runs PV kernels for x86_64 and i386, which are little-endian: build the image for one of these", f.data)
	case f.arch() == "":
		return Findingf("wrong-machine", "the ELF is for %s; EC2 runs PV kernels for x86_64 and i386: build the image for one of these", f.machine)
	case (f.class == elf.ELFCLASS64) != (f.machine == elf.EM_X86_64):
		return Findingf("wrong-class", "the ELF has %s for %s: build a 64-bit ELF for x86_64, or a 32-bit one for i386", f.class, f.machine)
	case f.kind == elf.ET_REL && system == "ling":
		return Findingf("object-file", "the ELF is an object file (ET_REL): LING's core, which railing links with the program: specify the image that it builds from both (railing image)")
	case f.kind == elf.ET_REL:
		return Findingf("object-file", "the ELF is an object file (ET_REL), which has no load address: link it and specify the executable")
	}
	return nil
}

func truncated(part string) Finding {
	return Findingf("truncated", "the %s lies beyond the end of the file: the image is truncated or damaged; download or build it again", part)
}

// extent returns the pseudo-physical memory that the loadable segments span. As in
// libelf, they are at p_paddr, not p_vaddr, and sums wrap around.
func (f *elfFile) extent() (start, end uint64) {
	start = Unset
	for _, s := range f.segments {
		if s.loadable() {
			start = min(start, s.paddr)
			end = max(end, s.paddr+s.memsz)
		}
	}
	return start, end
}
