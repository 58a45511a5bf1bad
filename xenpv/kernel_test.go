package xenpv

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// testKernel is an ELF file to be made: by default a 64-bit PV kernel for
// x86_64 whose notes are in a PT_NOTE segment, loaded at 1 MiB.
type testKernel struct {
	class   elf.Class
	data    elf.Data
	kind    elf.Type
	machine elf.Machine
	entry   uint64
	paddr   uint64
	memsz   uint64 // of the one loaded segment
	flags   elf.ProgFlag
	text    string // what the segment holds
	notes   []testNote
	legacy  string // of section __xen_guest; none where empty
	where   notePlace
	// strip leaves the section headers out.
	strip bool
	// tail is put behind everything else.
	tail string
}

type testNote struct {
	owner string
	kind  uint32
	desc  string
}

type notePlace int

const (
	inSegment notePlace = iota
	inSection
	inBoth
)

const testAddress = 1 << 20

// Xen's notes with their values for a plain PV kernel.
var (
	xenVersion = testNote{"Xen", noteXenVersion, "xen-3.0\x00"}
	loader     = testNote{"Xen", noteLoader, "generic\x00"}
	guestOS    = testNote{"Xen", noteGuestOS, "Unikraft\x00"}
)

func pvKernel() testKernel {
	return testKernel{
		class: elf.ELFCLASS64, data: elf.ELFDATA2LSB, kind: elf.ET_EXEC, machine: elf.EM_X86_64,
		entry: testAddress, paddr: testAddress, memsz: 0x10000, flags: elf.PF_R | elf.PF_W | elf.PF_X,
		text: "the kernel", notes: []testNote{xenVersion, loader, guestOS},
	}
}

// legacyKernel is a kernel with a legacy string instead of notes.
func legacyKernel(legacy string) testKernel {
	k := pvKernel()
	k.notes, k.legacy, k.entry, k.paddr = nil, legacy, 0, 0
	return k
}

// i386 makes a kernel a 32-bit one.
func (k testKernel) i386() testKernel {
	k.class, k.machine = elf.ELFCLASS32, elf.EM_386
	return k
}

func number64(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }
func number32(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }

// noteBytes lays notes out as the ELF format does.
func (k testKernel) noteBytes() []byte {
	var b []byte
	for _, n := range k.notes {
		for _, v := range []uint32{uint32(len(n.owner) + 1), uint32(len(n.desc)), n.kind} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		b = append(padded(b, n.owner+"\x00"), padded(nil, n.desc)...)
	}
	return b
}

// padded appends text and NULs to the next multiple of 4 bytes.
func padded(b []byte, text string) []byte {
	return append(append(b, text...), make([]byte, -len(text)&3)...)
}

// The file: header, two program headers, text, notes, legacy string, names of
// sections, section headers. The sizes are those of the 64-bit ones, which
// leaves gaps behind the 32-bit ones.
func (k testKernel) bytes() []byte {
	const textAt = 64 + 2*56
	names := "\x00.note\x00__xen_guest\x00.shstrtab\x00"
	notes := k.noteBytes()
	notesAt := uint64(textAt + len(k.text) + -len(k.text)&7)
	legacyAt := notesAt + uint64(len(notes))
	namesAt := legacyAt + uint64(len(k.legacy)) + 1
	sectionsAt := (namesAt + uint64(len(names)) + 7) &^ 7

	segments := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(k.flags), Off: textAt, Paddr: k.paddr, Filesz: uint64(len(k.text)), Memsz: k.memsz},
		{Type: uint32(elf.PT_NOTE), Off: notesAt, Filesz: uint64(len(notes))},
	}
	if k.where == inSection || len(k.notes) == 0 {
		segments = segments[:1]
	}
	sections := []elf.Section64{{}, {Name: 19, Type: uint32(elf.SHT_STRTAB), Off: namesAt, Size: uint64(len(names))}}
	if k.where != inSegment {
		sections = append(sections, elf.Section64{Name: 1, Type: uint32(elf.SHT_NOTE), Off: notesAt, Size: uint64(len(notes))})
	}
	if k.legacy != "" {
		sections = append(sections, elf.Section64{Name: 7, Type: uint32(elf.SHT_PROGBITS), Off: legacyAt, Size: uint64(len(k.legacy)) + 1})
	}
	if k.strip {
		sections, sectionsAt = nil, 0
	}

	file := k.header(len(segments), len(sections), sectionsAt)
	for _, s := range segments {
		file = append(file, k.wireSegment(s)...)
	}
	file = append(file, make([]byte, textAt-len(file))...)
	file = append(file, k.text...)
	file = append(file, make([]byte, int(notesAt)-len(file))...)
	file = append(append(append(file, notes...), k.legacy...), "\x00"+names...)
	if !k.strip {
		file = append(file, make([]byte, int(sectionsAt)-len(file))...)
	}
	for _, s := range sections {
		file = append(file, k.wireSection(s)...)
	}
	return append(file, k.tail...)
}

func (k testKernel) header(segments, sections int, sectionsAt uint64) []byte {
	h := elf.Header64{
		Type: uint16(k.kind), Machine: uint16(k.machine), Version: 1, Entry: k.entry,
		Phoff: 64, Phentsize: 56, Phnum: uint16(segments),
		Shoff: sectionsAt, Shentsize: 64, Shnum: uint16(sections), Shstrndx: 1,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(k.class), byte(k.data), 1
	if k.class != elf.ELFCLASS32 {
		return wire(h)
	}
	return append(wire(elf.Header32{
		Ident: h.Ident, Type: h.Type, Machine: h.Machine, Version: 1, Entry: uint32(h.Entry),
		Phoff: uint32(h.Phoff), Phentsize: h.Phentsize, Phnum: h.Phnum,
		Shoff: uint32(h.Shoff), Shentsize: h.Shentsize, Shnum: h.Shnum, Shstrndx: h.Shstrndx,
	}), make([]byte, 12)...)
}

func (k testKernel) wireSegment(s elf.Prog64) []byte {
	if k.class != elf.ELFCLASS32 {
		return wire(s)
	}
	return append(wire(elf.Prog32{
		Type: s.Type, Flags: s.Flags, Off: uint32(s.Off), Paddr: uint32(s.Paddr),
		Filesz: uint32(s.Filesz), Memsz: uint32(s.Memsz),
	}), make([]byte, 24)...)
}

func (k testKernel) wireSection(s elf.Section64) []byte {
	if k.class != elf.ELFCLASS32 {
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

// inspectBytes inspects an image in memory.
func inspectBytes(t testing.TB, image []byte) *Report {
	t.Helper()
	r, err := Inspect(t.Context(), bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// codes lists the codes of findings.
func codes(findings []Finding) []string {
	var codes []string
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	return codes
}
