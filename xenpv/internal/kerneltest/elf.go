package kerneltest

import (
	"debug/elf"
	"encoding/binary"
	"slices"
)

// A Kernel is an ELF file to make: by default a 64-bit PV kernel for
// x86_64 whose notes are in a PT_NOTE segment, loaded at 1 MiB.
type Kernel struct {
	Class   elf.Class
	Data    elf.Data
	Type    elf.Type
	Machine elf.Machine
	Entry   uint64
	Paddr   uint64
	Memsz   uint64 // of the one loaded segment
	Flags   elf.ProgFlag
	Text    string // what the segment holds
	Notes   []Note
	Legacy  string // of section __xen_guest; "" for none
	Where   Place
	// Strip leaves the section headers out.
	Strip bool
	// Tail is appended to the file.
	Tail string
}

// A Note is an ELF note.
type Note struct {
	Owner string
	Type  uint32
	Desc  string
}

// A Place is the place of the notes.
type Place int

// The places of notes.
const (
	InSegment Place = iota
	InSection
	InBoth
)

// Address is the load address of the kernel.
const Address = 1 << 20

// MirageLegacy is the legacy string of MirageOS 1.
const MirageLegacy = "GUEST_OS=Mirage,XEN_VER=xen-3.0,VIRT_BASE=0x0,ELF_PADDR_OFFSET=0x0,HYPERCALL_PAGE=0x2,LOADER=generic"

// The types of Xen's notes (xen/include/public/elfnote.h).
const (
	NoteEntry       = 1
	NoteVirtBase    = 3
	NotePaddrOffset = 4
	NoteXenVersion  = 5
	NoteGuestOS     = 6
	NoteLoader      = 8
	NotePAEMode     = 9
	NoteFeatures    = 10
	NoteInitP2M     = 15
	NotePhys32Entry = 18
)

// NoteSolo5ABI is the type of Solo5's note (solo5/elf_abi.h).
const NoteSolo5ABI = 0x31494241

// Xen's notes with their values for a plain PV kernel.
var (
	XenVersion = XenNote(NoteXenVersion, "xen-3.0\x00")
	Loader     = XenNote(NoteLoader, "generic\x00")
	guestOS    = XenNote(NoteGuestOS, "Unikraft\x00")
)

// XenNote returns a note of owner Xen.
func XenNote(kind uint32, desc string) Note { return NewNote("Xen", kind, desc) }

// NewNote returns a note.
func NewNote(owner string, kind uint32, desc string) Note { return Note{owner, kind, desc} }

// With returns a function that sets one of Xen's notes.
func With(kind uint32, desc string) func(*Kernel) {
	return func(k *Kernel) {
		Without(kind)(k)
		k.Notes = append(k.Notes, XenNote(kind, desc))
	}
}

// Without returns a function that removes a note.
func Without(kind uint32) func(*Kernel) {
	return func(k *Kernel) {
		k.Notes = slices.DeleteFunc(slices.Clone(k.Notes), func(n Note) bool { return n.Type == kind })
	}
}

// PV returns the default kernel.
func PV() Kernel {
	return Kernel{
		Class: elf.ELFCLASS64, Data: elf.ELFDATA2LSB, Type: elf.ET_EXEC, Machine: elf.EM_X86_64,
		Entry: Address, Paddr: Address, Memsz: 0x10000, Flags: elf.PF_R | elf.PF_W | elf.PF_X,
		Text: "the kernel", Notes: []Note{XenVersion, Loader, guestOS},
	}
}

// Legacy returns a kernel with a legacy string instead of notes.
func Legacy(legacy string) Kernel {
	k := PV()
	k.Notes, k.Legacy, k.Entry, k.Paddr = nil, legacy, 0, 0
	return k
}

// I386 makes a kernel a 32-bit one.
func (k Kernel) I386() Kernel {
	k.Class, k.Machine = elf.ELFCLASS32, elf.EM_386
	return k
}

// Number64 returns a number as in a note.
func Number64(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }

// Number32 returns a number as in a note.
func Number32(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }

// noteBytes lays notes out as the ELF format does.
func (k Kernel) noteBytes() []byte {
	var b []byte
	for _, n := range k.Notes {
		for _, v := range []uint32{uint32(len(n.Owner) + 1), uint32(len(n.Desc)), n.Type} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		b = append(padded(b, n.Owner+"\x00"), padded(nil, n.Desc)...)
	}
	return b
}

// padded appends text and NULs to the next multiple of 4 bytes.
func padded(b []byte, text string) []byte {
	return append(append(b, text...), make([]byte, -len(text)&3)...)
}

// Bytes returns the file: header, two program headers, text, notes, legacy string, names of
// sections, section headers. The sizes are those of the 64-bit ones, which
// leaves gaps after the 32-bit ones.
func (k Kernel) Bytes() []byte {
	const textAt = 64 + 2*56
	names := "\x00.note\x00__xen_guest\x00.shstrtab\x00"
	notes := k.noteBytes()
	notesAt := uint64(textAt + len(k.Text) + -len(k.Text)&7)
	legacyAt := notesAt + uint64(len(notes))
	namesAt := legacyAt + uint64(len(k.Legacy)) + 1
	sectionsAt := (namesAt + uint64(len(names)) + 7) &^ 7

	segments := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(k.Flags), Off: textAt, Paddr: k.Paddr, Filesz: uint64(len(k.Text)), Memsz: k.Memsz},
		{Type: uint32(elf.PT_NOTE), Off: notesAt, Filesz: uint64(len(notes))},
	}
	if k.Where == InSection || len(k.Notes) == 0 {
		segments = segments[:1]
	}
	sections := []elf.Section64{{}, {Name: 19, Type: uint32(elf.SHT_STRTAB), Off: namesAt, Size: uint64(len(names))}}
	if k.Where != InSegment {
		sections = append(sections, elf.Section64{Name: 1, Type: uint32(elf.SHT_NOTE), Off: notesAt, Size: uint64(len(notes))})
	}
	if k.Legacy != "" {
		sections = append(sections, elf.Section64{Name: 7, Type: uint32(elf.SHT_PROGBITS), Off: legacyAt, Size: uint64(len(k.Legacy)) + 1})
	}
	if k.Strip {
		sections, sectionsAt = nil, 0
	}

	file := k.header(len(segments), len(sections), sectionsAt)
	for _, s := range segments {
		file = append(file, k.wireSegment(s)...)
	}
	file = append(file, make([]byte, textAt-len(file))...)
	file = append(file, k.Text...)
	file = append(file, make([]byte, int(notesAt)-len(file))...)
	file = append(append(append(file, notes...), k.Legacy...), "\x00"+names...)
	if !k.Strip {
		file = append(file, make([]byte, int(sectionsAt)-len(file))...)
	}
	for _, s := range sections {
		file = append(file, k.wireSection(s)...)
	}
	return append(file, k.Tail...)
}

func (k Kernel) header(segments, sections int, sectionsAt uint64) []byte {
	h := elf.Header64{
		Type: uint16(k.Type), Machine: uint16(k.Machine), Version: 1, Entry: k.Entry,
		Phoff: 64, Phentsize: 56, Phnum: uint16(segments),
		Shoff: sectionsAt, Shentsize: 64, Shnum: uint16(sections), Shstrndx: 1,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(k.Class), byte(k.Data), 1
	if k.Class != elf.ELFCLASS32 {
		return wire(h)
	}
	return append(wire(elf.Header32{
		Ident: h.Ident, Type: h.Type, Machine: h.Machine, Version: 1, Entry: uint32(h.Entry),
		Phoff: uint32(h.Phoff), Phentsize: h.Phentsize, Phnum: h.Phnum,
		Shoff: uint32(h.Shoff), Shentsize: h.Shentsize, Shnum: h.Shnum, Shstrndx: h.Shstrndx,
	}), make([]byte, 12)...)
}

func (k Kernel) wireSegment(s elf.Prog64) []byte {
	if k.Class != elf.ELFCLASS32 {
		return wire(s)
	}
	return append(wire(elf.Prog32{
		Type: s.Type, Flags: s.Flags, Off: uint32(s.Off), Paddr: uint32(s.Paddr),
		Filesz: uint32(s.Filesz), Memsz: uint32(s.Memsz),
	}), make([]byte, 24)...)
}

func (k Kernel) wireSection(s elf.Section64) []byte {
	if k.Class != elf.ELFCLASS32 {
		return wire(s)
	}
	return append(wire(elf.Section32{
		Name: s.Name, Type: s.Type, Off: uint32(s.Off), Size: uint32(s.Size),
	}), make([]byte, 24)...)
}

func wire(v any) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		panic(err) // v has no fixed size: a fault in this file
	}
	return b
}

// BzImage returns a bzImage of a boot protocol version, with a compressed payload
// (the Linux x86 boot protocol, Documentation/arch/x86/boot.rst).
func BzImage(protocol uint16, payload []byte) []byte {
	const setupSectors, offset = 3, 16
	image := make([]byte, (setupSectors+1)*512+offset)
	image[0x1f1] = setupSectors
	copy(image[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(image[0x206:], protocol)
	binary.LittleEndian.PutUint32(image[0x248:], offset)
	binary.LittleEndian.PutUint32(image[0x24c:], uint32(len(payload)))
	return slices.Concat(image, payload, []byte("behind the payload"))
}
