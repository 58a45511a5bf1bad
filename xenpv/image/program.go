package image

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
)

// The types of notes of owners other than Xen.
const (
	noteSolo5ABI  = 0x31494241 // "ABI1" (solo5/elf_abi.h)
	noteGNUABITag = 1          // its first word is the system; 0 is Linux (Linux Standard Base)
	noteGoBuildID = 4
)

// solo5Targets are Solo5's targets by their number in its note (enum abi_target).
var solo5Targets = map[uint64]string{1: "hvt", 2: "spt", 3: "virtio", 4: "muen", 5: "genode", 6: "xen"}

// takeOther stores what a note of another owner shows about the image.
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

// solo5Target returns the name of a target, "" for 0.
func solo5Target(n uint64) string {
	if n == 0 {
		return ""
	}
	if name, ok := solo5Targets[n]; ok {
		return name
	}
	return fmt.Sprint(n)
}

// programKind describes an ELF that runs on an operating system; "" if it may be a
// kernel. Solo5's images have an interpreter too, one that can't exist.
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

// isMultiboot reports whether there is a header of multiboot 1 or 2 in the place
// that those require: the first 8 or 32 KiB, aligned to 4 or 8 bytes.
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
