package image

import (
	"bytes"
	"debug/elf"
	"strings"
)

// The ELF notes of owner "Xen" that determine how a kernel boots, from
// xen/include/public/elfnote.h. Others are ignored, as in Xen.
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
	// maxNotes and maxString are libelf's own limits: the notes in a file and
	// the bytes in a string.
	maxNotes  = 65536
	maxString = 4096
)

// guest is the data in the notes and the legacy section.
type guest struct {
	Guest

	// From notes of owners other than Xen.
	solo5   uint64 // the target of a Solo5 image; 0 if it isn't one
	hermit  bool
	program string // the kind of program for an operating system; "" if unknown
}

// readGuest reads Xen's data from where libelf reads it: the notes in PT_NOTE
// segments; if there are none, those in SHT_NOTE sections (Unikraft's are outside
// all segments); if there are none, the legacy section (MirageOS 1 to 3, LING,
// HaLVM, Rumprun, Mini-OS).
func (f *elfFile) readGuest() *guest {
	g := &guest{Guest: Guest{VirtBase: Unset, PaddrOffset: Unset, Entry: Unset, InitP2M: Unset, Phys32Entry: Unset32}}
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
		g.Source = "notes"
	} else if s, ok := f.sectionNamed(legacySection); ok {
		g.Source = "section"
		g.parseLegacy(f.legacyText(s.off))
	}
	return g
}

// noteReader reads a file's notes into a guest and counts them.
type noteReader struct {
	f     *elfFile
	guest *guest
	seen  int // notes of any owner
	found int // notes of owner Xen
}

// noteHeader is the fixed part of an ELF note.
type noteHeader struct{ Namesz, Descsz, Type uint32 }

const noteHeaderSize = 12

// read reads the notes in size bytes at off. As in libelf, a note counts if it
// starts there, even if it ends beyond: GRUB's last one does.
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

// noteOwner reads a note's owner, or enough of a long one to distinguish it from
// the known ones.
func (f *elfFile) noteOwner(at uint64) string {
	const known = 8 // "HERMIT" and a NUL, and one more
	p, _ := f.bytes(at, min(known, f.size-min(at, f.size)))
	owner, _, _ := bytes.Cut(p, []byte{0})
	return string(owner)
}

func align4(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }

// takeNote stores one of Xen's notes. A string ends at its NUL, regardless of
// descsz. An integer has descsz bytes, 4 or 8 in practice.
func (g *guest) takeNote(b *blob, h noteHeader, desc uint64) {
	number := b.uint(desc, uint64(h.Descsz))
	switch h.Type {
	case noteEntry:
		g.Entry = number
	case noteVirtBase:
		g.VirtBase = number
	case notePaddrOffset:
		g.PaddrOffset = number
	case noteInitP2M:
		g.InitP2M = number
	case notePhys32Entry:
		g.Phys32Entry = number & Unset32
	case noteXenVersion, noteGuestOS, noteLoader, notePAEMode, noteFeatures:
		if text, ok := b.cstring(desc, maxString); ok {
			g.takeText(h.Type, text)
		}
	}
}

func (g *guest) takeText(note uint32, text string) {
	switch note {
	case noteXenVersion:
		g.XenVersion = text
	case noteGuestOS:
		g.OS = text
	case noteLoader:
		g.Loader = text
	case noteFeatures:
		g.Features = text
	case notePAEMode:
		g.PAE = g.PAE || text == "yes" || strings.Contains(text, "bimodal")
	}
}
