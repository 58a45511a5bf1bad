// Package kerneltest makes the smallest files that PV-GRUB takes for a kernel,
// for tests of all that happens to a kernel but its start.
package kerneltest

import (
	"bytes"
	"encoding/binary"
)

// The offsets and the address are free choices within the ELF format's rules.
const (
	elfHeaderSize     = 64
	programHeaderSize = 56
	notesOffset       = elfHeaderSize + 2*programHeaderSize
	address           = 1 << 20
)

// Start returns the first bytes of a 64-bit PV kernel of the given size, some
// 250: an ELF header, one loaded segment that is the whole file, and Xen's
// notes. Any bytes may follow.
func Start(size int64) []byte {
	notes := notes()
	var b bytes.Buffer
	b.WriteString("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for _, part := range []any{
		[]uint16{2, 62}, uint32(1), // ET_EXEC, EM_X86_64, version
		[]uint64{address, elfHeaderSize, 0}, uint32(0), // entry, program headers, no sections
		[]uint16{elfHeaderSize, programHeaderSize, 2, 64, 0, 0},
		[]uint32{1, 7}, []uint64{0, address, address, uint64(size), uint64(size), 4096}, // PT_LOAD
		[]uint32{4, 4}, []uint64{notesOffset, 0, 0, uint64(len(notes)), uint64(len(notes)), 4}, // PT_NOTE
		notes,
	} {
		_ = binary.Write(&b, binary.LittleEndian, part) // a buffer takes all
	}
	return b.Bytes()
}

// notes returns the notes without which Xen starts no PV kernel, and a name.
func notes() []byte {
	var notes []byte
	for _, n := range []struct {
		kind  uint32
		value string // of a multiple of 4 bytes
	}{
		{5, "xen-3.0\x00"},        // XEN_VERSION
		{6, "kerneltest\x00\x00"}, // GUEST_OS
		{8, "generic\x00"},        // LOADER
	} {
		const owner = "Xen\x00"
		for _, v := range []uint32{uint32(len(owner)), uint32(len(n.value)), n.kind} {
			notes = binary.LittleEndian.AppendUint32(notes, v)
		}
		notes = append(append(notes, owner...), n.value...)
	}
	return notes
}
