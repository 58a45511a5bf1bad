package xenpv

import (
	"bytes"
	"debug/elf"
	"strings"
)

// The ELF notes of owner "Xen" that decide how a kernel boots, by the names and
// numbers of xen/include/public/elfnote.h. Others are ignored, as Xen does.
const (
	noteEntry       = 1
	noteVirtBase    = 3
	notePaddrOffset = 4
	noteXenVersion  = 5
	noteGuestOS     = 6
	noteLoader      = 8
	notePAEMode     = 9
	noteFeatures    = 10
	noteInitP2M     = 15
	notePhys32Entry = 18
)

const (
	// maxNotes and maxString are libelf's own limits: notes of one file, and
	// bytes of one string.
	maxNotes  = 65536
	maxString = 4096

	// unset marks an address that the image doesn't give (libelf's UNSET_ADDR).
	unset = ^uint64(0)
	// unset32 is the same for PHYS32_ENTRY.
	unset32 = uint64(^uint32(0))
)

// guest is what an image tells Xen about itself.
type guest struct {
	source                      string // "notes", "section" or ""
	loader, guestOS, xenVersion string
	pae                         bool // a 32-bit kernel uses PAE page tables
	features                    string
	virtBase, paddrOffset       uint64
	entry, initP2M, phys32Entry uint64

	// What notes of other owners tell.
	solo5   uint64 // the target of a Solo5 image; 0 where it is none
	hermit  bool
	program string // the kind of program that this is; "" where none is known
}

// readGuest looks for Xen's data where libelf does: in the notes of PT_NOTE
// segments; without any, in those of SHT_NOTE sections (Unikraft's lie outside
// every segment); without any, in the legacy section (MirageOS 1 to 3, LING,
// HaLVM, Rumprun, Mini-OS).
func (f *elfFile) readGuest() *guest {
	g := &guest{virtBase: unset, paddrOffset: unset, entry: unset, initP2M: unset, phys32Entry: unset32}
	notes := noteReader{f: f, guest: g}
	for _, s := range f.segments {
		// Some binutils left p_offset 0; the notes aren't at the file's start.
		if s.kind == elf.PT_NOTE && s.off != 0 {
			notes.read(s.off, s.filesz)
		}
	}
	if notes.found == 0 {
		for _, s := range f.sections[min(1, len(f.sections)):] {
			if s.kind == elf.SHT_NOTE {
				notes.read(s.off, s.size)
			}
		}
	}
	if notes.found > 0 {
		g.source = "notes"
	} else if s, ok := f.sectionNamed(legacySection); ok {
		g.source = "section"
		g.parseLegacy(f.legacyText(s.off))
	}
	return g
}

// noteReader reads a file's notes into a guest, and counts them.
type noteReader struct {
	f     *elfFile
	guest *guest
	seen  int // notes of any owner
	found int // notes of owner Xen
}

// noteHeader is the fixed part of an ELF note.
type noteHeader struct{ Namesz, Descsz, Type uint32 }

const noteHeaderSize = 12

// read reads the notes of size bytes at off. As in libelf a note belongs to
// them if it begins there, even if it ends beyond: GRUB's last one does.
func (n *noteReader) read(off, size uint64) {
	if off > n.f.size {
		return
	}
	end := off + min(size, n.f.size-off)
	for off < end && n.seen < maxNotes {
		h, ok := decode[noteHeader](n.f.blob, off)
		if !ok {
			return
		}
		n.seen++
		name := off + noteHeaderSize
		desc := name + align4(h.Namesz)
		if owner := n.f.noteOwner(name); owner == "Xen" {
			n.found++
			n.guest.takeNote(n.f.blob, h, desc)
		} else {
			n.guest.takeOther(n.f.blob, owner, h, desc)
		}
		off = desc + align4(h.Descsz)
	}
}

// noteOwner reads a note's owner, or of a long one no more than tells it from
// the known ones.
func (f *elfFile) noteOwner(at uint64) string {
	const known = 8 // "HERMIT" and a NUL, and one more
	p, _ := f.bytes(at, min(known, f.size-min(at, f.size)))
	owner, _, _ := bytes.Cut(p, []byte{0})
	return string(owner)
}

func align4(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }

// takeNote takes over one of Xen's notes. A string goes up to its NUL whatever
// descsz says, and an integer has descsz bytes, 4 or 8 in practice.
func (g *guest) takeNote(b *blob, h noteHeader, desc uint64) {
	number := b.uint(desc, uint64(h.Descsz))
	switch h.Type {
	case noteEntry:
		g.entry = number
	case noteVirtBase:
		g.virtBase = number
	case notePaddrOffset:
		g.paddrOffset = number
	case noteInitP2M:
		g.initP2M = number
	case notePhys32Entry:
		g.phys32Entry = number & unset32
	case noteXenVersion, noteGuestOS, noteLoader, notePAEMode, noteFeatures:
		if text, ok := b.cstring(desc, maxString); ok {
			g.takeText(h.Type, text)
		}
	}
}

func (g *guest) takeText(note uint32, text string) {
	switch note {
	case noteXenVersion:
		g.xenVersion = text
	case noteGuestOS:
		g.guestOS = text
	case noteLoader:
		g.loader = text
	case noteFeatures:
		g.features = text
	case notePAEMode:
		g.pae = g.pae || text == "yes" || strings.Contains(text, "bimodal")
	}
}
