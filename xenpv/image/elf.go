package image

import "debug/elf"

// elfFile is what Xen's libelf reads of an ELF file. The standard library's reader
// isn't used, because it rejects files that Xen boots.
type elfFile struct {
	*blob
	class    elf.Class
	data     elf.Data
	kind     elf.Type
	machine  elf.Machine
	entry    uint64
	segments []segment
	sections []section
	names    uint64 // offset of the section names' string table; 0 if there is none

	// truncated names the part that lies beyond the end of the file.
	truncated string
}

// segment is a program header.
type segment struct {
	kind                      elf.ProgType
	flags                     elf.ProgFlag
	off, paddr, filesz, memsz uint64
}

// section is a section header.
type section struct {
	name      uint32
	kind      elf.SectionType
	off, size uint64
}

// table is the location of the program or section headers. As in libelf, each
// header is at a multiple of the size that the file specifies for one.
type table struct{ off, size, count uint64 }

func (t table) at(i uint64) uint64 { return t.off + i*t.size }

func (t table) in(b *blob) bool { return b.holds(t.off, t.size*t.count) }

// readELF reads the headers of an ELF file. It always returns what could be read;
// if that isn't all, truncated is set.
func readELF(b *blob) *elfFile {
	f := &elfFile{blob: b}
	ident, ok := b.bytes(0, elf.EI_NIDENT)
	if !ok {
		f.truncated = "ELF header"
		return f
	}
	f.class, f.data = elf.Class(ident[elf.EI_CLASS]), elf.Data(ident[elf.EI_DATA])
	if f.format() == "" || f.data != elf.ELFDATA2LSB {
		return f // not for x86
	}
	segments, sections, names, ok := f.readHeader()
	switch {
	case !ok:
		f.truncated = "ELF header"
	case !segments.in(b):
		f.truncated = "program header table"
	case !sections.in(b):
		f.truncated = "section header table"
	default:
		f.readTables(segments, sections, names)
	}
	return f
}

// readHeader reads the file header, and returns the locations of both tables and
// the index of the section with the sections' names.
func (f *elfFile) readHeader() (segments, sections table, names uint64, ok bool) {
	if f.class == elf.ELFCLASS64 {
		h, ok := decode[elf.Header64](f.blob, 0)
		f.kind, f.machine, f.entry = elf.Type(h.Type), elf.Machine(h.Machine), h.Entry
		return table{h.Phoff, uint64(h.Phentsize), uint64(h.Phnum)},
			table{h.Shoff, uint64(h.Shentsize), uint64(h.Shnum)}, uint64(h.Shstrndx), ok
	}
	h, ok := decode[elf.Header32](f.blob, 0)
	f.kind, f.machine, f.entry = elf.Type(h.Type), elf.Machine(h.Machine), uint64(h.Entry)
	return table{uint64(h.Phoff), uint64(h.Phentsize), uint64(h.Phnum)},
		table{uint64(h.Shoff), uint64(h.Shentsize), uint64(h.Shnum)}, uint64(h.Shstrndx), ok
}

func (f *elfFile) readTables(segments, sections table, names uint64) {
	for i := range segments.count {
		s, ok := f.readSegment(segments.at(i))
		if !ok {
			break
		}
		f.segments = append(f.segments, s)
		if s.loadable() && s.filesz > 0 && !f.holds(s.off, s.filesz) {
			f.truncated = "loadable segment"
		}
	}
	for i := range sections.count {
		s, ok := f.readSection(sections.at(i))
		if !ok {
			break
		}
		f.sections = append(f.sections, s)
	}
	if names < uint64(len(f.sections)) {
		f.names = f.sections[names].off
	}
}

func (f *elfFile) readSegment(off uint64) (segment, bool) {
	if f.class == elf.ELFCLASS64 {
		p, ok := decode[elf.Prog64](f.blob, off)
		return segment{elf.ProgType(p.Type), elf.ProgFlag(p.Flags), p.Off, p.Paddr, p.Filesz, p.Memsz}, ok
	}
	p, ok := decode[elf.Prog32](f.blob, off)
	return segment{
		elf.ProgType(p.Type), elf.ProgFlag(p.Flags),
		uint64(p.Off), uint64(p.Paddr), uint64(p.Filesz), uint64(p.Memsz),
	}, ok
}

func (f *elfFile) readSection(off uint64) (section, bool) {
	if f.class == elf.ELFCLASS64 {
		s, ok := decode[elf.Section64](f.blob, off)
		return section{s.Name, elf.SectionType(s.Type), s.Off, s.Size}, ok
	}
	s, ok := decode[elf.Section32](f.blob, off)
	return section{s.Name, elf.SectionType(s.Type), uint64(s.Off), uint64(s.Size)}, ok
}

// loadable reports whether Xen loads the segment. It skips those without any
// access right.
func (s segment) loadable() bool {
	return s.kind == elf.PT_LOAD && s.flags&(elf.PF_R|elf.PF_W|elf.PF_X) != 0
}

// sectionNamed finds a section. Section 0 is never one, by the ELF format.
func (f *elfFile) sectionNamed(name string) (section, bool) {
	for i := 1; i < len(f.sections) && f.names != 0; i++ {
		if f.hasAt(f.names+uint64(f.sections[i].name), name+"\x00") {
			return f.sections[i], true
		}
	}
	return section{}, false
}

// arch returns the architecture's name in Xen and EC2, "" for any other.
func (f *elfFile) arch() string {
	switch f.machine {
	case elf.EM_X86_64:
		return "x86_64"
	case elf.EM_386:
		return "i386"
	}
	return ""
}

func (f *elfFile) format() string {
	switch f.class {
	case elf.ELFCLASS64:
		return "elf64"
	case elf.ELFCLASS32:
		return "elf32"
	}
	return ""
}
