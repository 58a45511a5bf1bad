package bootsector

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Reasons why the loader cannot start a kernel.
var (
	ErrNoHeader     = errors.New("no multiboot header")
	ErrHeaderTooFar = errors.New("multiboot header beyond the first 8 KiB")
	ErrChecksum     = errors.New("wrong checksum in the multiboot header")
	ErrMultiboot2   = errors.New("multiboot 2 header only; multiboot 1 is required")
	ErrVideo        = errors.New("kernel requires a video mode, which the loader does not set")
	ErrFlags        = errors.New("kernel requires unknown multiboot features")
	ErrKernel       = errors.New("bad multiboot kernel")
	ErrOverlap      = errors.New("overlap in memory")
	ErrMemory       = errors.New("outside usable memory")
)

const (
	multiboot1     = 0x1badb002
	multiboot2     = 0xe85250d6
	headerSearch   = 8192    // a multiboot 1 header lies in the first 8 KiB, at a multiple of 4
	headerSearch2  = 32768   // a multiboot 2 header in the first 32 KiB, at a multiple of 8
	headerSize     = 12      // magic, flags, checksum
	kludgeSize     = 32      // with the addresses of the a.out kludge
	lowestAddress  = 1 << 20 // below are the loader and the BIOS
	addressSpace   = 1 << 32
	pageSize       = 4096
	flagVideo      = 1 << 2
	flagsMandatory = 0xffff
	flagsKnown     = 1<<0 | 1<<1 // modules page-aligned; memory information
	flagKludge     = 1 << 16
)

// A Format is the format in which a kernel describes its segments.
type Format string

// The formats that the loader starts.
const (
	FormatELF32 Format = "ELF32"
	FormatELF64 Format = "ELF64"
	FormatAOut  Format = "a.out kludge" // addresses in the multiboot header itself
)

// A Header describes a multiboot kernel.
type Header struct {
	Offset     int64 // of the multiboot 1 header in the file
	Flags      uint32
	Format     Format
	Entry      uint32 // physical address
	Segments   []Segment
	Multiboot2 bool  // the kernel has a multiboot 2 header, too
	Size       int64 // of the file
}

// A Segment is a part of a kernel that is loaded into memory. Memory beyond the
// part's size in the file is cleared.
type Segment struct {
	Offset, FileSize    int64
	Address, MemorySize uint32 // physical
}

// end returns the address behind the segment's last byte.
func (s Segment) end() int64 { return int64(s.Address) + int64(s.MemorySize) }

// ParseMultiboot parses a kernel of the given size, which is not compressed. It
// fails if the loader cannot start the kernel, with an error that wraps one of
// this package's.
func ParseMultiboot(r io.ReaderAt, size int64) (Header, error) {
	head := make([]byte, min(size, headerSearch2))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return Header{}, fmt.Errorf("parse multiboot kernel: %w", err)
	}
	h := Header{Size: size, Multiboot2: hasMultiboot2(head)}
	var err error
	if h.Offset, err = findHeader(head); errors.Is(err, ErrNoHeader) && h.Multiboot2 {
		err = ErrMultiboot2
	}
	if err == nil {
		err = h.parse(r, head)
	}
	if err != nil {
		return h, fmt.Errorf("parse multiboot kernel: %w", err)
	}
	return h, nil
}

// findHeader returns the offset of the multiboot 1 header. A magic number with a
// wrong checksum may be other data, so the search goes on behind it.
func findHeader(head []byte) (int64, error) {
	result := ErrNoHeader
	for at := 0; at+headerSize <= len(head); at += 4 {
		if le.Uint32(head[at:]) != multiboot1 {
			continue
		}
		sum := multiboot1 + le.Uint32(head[at+4:]) + le.Uint32(head[at+8:])
		switch {
		case sum == 0 && at+headerSize <= headerSearch:
			return int64(at), nil
		case sum == 0 && errors.Is(result, ErrNoHeader):
			result = fmt.Errorf("%w: at byte %d", ErrHeaderTooFar, at)
		case at+headerSize <= headerSearch && errors.Is(result, ErrNoHeader):
			result = fmt.Errorf("%w: magic, flags and checksum at byte %d must add up to 0, not %#x", ErrChecksum, at, sum)
		}
	}
	return 0, result
}

// hasMultiboot2 reports whether head has a multiboot 2 header for x86.
func hasMultiboot2(head []byte) bool {
	for at := 0; at+16 <= len(head); at += 8 {
		arch, length, checksum := le.Uint32(head[at+4:]), le.Uint32(head[at+8:]), le.Uint32(head[at+12:])
		if le.Uint32(head[at:]) == multiboot2 && arch == 0 && multiboot2+arch+length+checksum == 0 {
			return true
		}
	}
	return false
}

// parse fills in h from the header at h.Offset.
func (h *Header) parse(r io.ReaderAt, head []byte) error {
	h.Flags = le.Uint32(head[h.Offset+4:])
	if h.Flags&flagVideo != 0 {
		return fmt.Errorf("%w: flags %#x", ErrVideo, h.Flags)
	}
	if unknown := h.Flags & flagsMandatory &^ flagsKnown; unknown != 0 {
		return fmt.Errorf("%w: flags %#x, of which %#x", ErrFlags, h.Flags, unknown)
	}
	parse := h.parseELF
	if h.Flags&flagKludge != 0 {
		parse = h.parseKludge
	}
	if err := parse(r, head); err != nil {
		return err
	}
	return h.checkSegments()
}

// parseKludge takes the one segment from the addresses in the multiboot header.
func (h *Header) parseKludge(_ io.ReaderAt, head []byte) error {
	if h.Offset+kludgeSize > int64(len(head)) {
		return fmt.Errorf("%w: file ends in the multiboot header", ErrKernel)
	}
	var f struct{ Header, Load, LoadEnd, BSSEnd, Entry uint32 }
	if _, err := binary.Decode(head[h.Offset+headerSize:], le, &f); err != nil {
		return err
	}
	s := Segment{Offset: h.Offset - (int64(f.Header) - int64(f.Load)), Address: f.Load}
	if f.Header < f.Load || s.Offset < 0 {
		return fmt.Errorf("%w: load address %#x does not fit header address %#x and the header at byte %d", ErrKernel, f.Load, f.Header, h.Offset)
	}
	s.FileSize = h.Size - s.Offset // 0 stands for the whole file
	if f.LoadEnd != 0 {
		s.FileSize = int64(f.LoadEnd) - int64(f.Load)
	}
	memory := max(s.FileSize, int64(f.BSSEnd)-int64(f.Load)) // 0: no BSS
	if s.FileSize <= 0 || memory >= addressSpace {
		return fmt.Errorf("%w: load address %#x, end of data %#x, end of BSS %#x", ErrKernel, f.Load, f.LoadEnd, f.BSSEnd)
	}
	s.MemorySize = uint32(memory)
	h.Format, h.Entry, h.Segments = FormatAOut, f.Entry, []Segment{s}
	return nil
}

// A program is one entry of an ELF file's program header table.
type program struct{ kind, offset, virtual, physical, fileSize, memorySize uint64 }

// parseELF takes the segments from the ELF program headers.
func (h *Header) parseELF(r io.ReaderAt, head []byte) error {
	entry, programs, err := h.programs(r, head)
	if err != nil {
		return err
	}
	h.Segments = nil
	target, found := uint64(0), false
	for _, p := range programs {
		if p.kind != 1 || p.memorySize == 0 { // PT_LOAD
			continue
		}
		if p.fileSize > p.memorySize || p.physical >= addressSpace || p.memorySize >= addressSpace || p.offset > uint64(h.Size) {
			return fmt.Errorf("%w: segment of %#x bytes, %#x in memory, at %#x", ErrKernel, p.fileSize, p.memorySize, p.physical)
		}
		h.Segments = append(h.Segments, Segment{int64(p.offset), int64(p.fileSize), uint32(p.physical), uint32(p.memorySize)})
		// The specification wants a physical entry point; GRUB accepts a virtual one.
		if entry-p.physical < p.memorySize {
			target, found = entry, true
		} else if !found && entry-p.virtual < p.memorySize {
			target, found = entry-p.virtual+p.physical, true
		}
	}
	if !found || target >= addressSpace {
		return fmt.Errorf("%w: entry point %#x is in none of %d segments", ErrKernel, entry, len(h.Segments))
	}
	h.Entry = uint32(target)
	return nil
}

// programs reads the ELF header, and the program header table that it names.
func (h *Header) programs(r io.ReaderAt, head []byte) (entry uint64, list []program, err error) {
	if len(head) < 64 || !bytes.HasPrefix(head, []byte("\x7fELF")) || head[5] != 1 {
		return 0, nil, fmt.Errorf("%w: neither a little-endian ELF file nor addresses in the multiboot header", ErrKernel)
	}
	machine := le.Uint16(head[18:])
	var table uint64
	var sizes []byte // entry size and number of entries
	switch {
	case head[4] == 1 && (machine == 3 || machine == 62): // GRUB accepts x86-64 in ELF32, too
		h.Format, entry, table, sizes = FormatELF32, uint64(le.Uint32(head[24:])), uint64(le.Uint32(head[28:])), head[42:]
	case head[4] == 2 && machine == 62:
		h.Format, entry, table, sizes = FormatELF64, le.Uint64(head[24:]), le.Uint64(head[32:]), head[54:]
	default:
		return 0, nil, fmt.Errorf("%w: ELF class %d for machine %d; must be x86", ErrKernel, head[4], machine)
	}
	size, count := int64(le.Uint16(sizes)), int64(le.Uint16(sizes[2:]))
	if want := map[Format]int64{FormatELF32: 32, FormatELF64: 56}[h.Format]; size != want {
		return 0, nil, fmt.Errorf("%w: program headers of %d bytes; must be %d", ErrKernel, size, want)
	}
	if table > uint64(h.Size) || size*count > h.Size-int64(table) {
		return 0, nil, fmt.Errorf("%w: %d program headers at byte %d are beyond the end of the file", ErrKernel, count, table)
	}
	raw := make([]byte, size*count)
	if n, err := r.ReadAt(raw, int64(table)); n < len(raw) {
		return 0, nil, fmt.Errorf("read program headers: %w", err)
	}
	for ; len(raw) > 0; raw = raw[size:] {
		list = append(list, decodeProgram(h.Format, raw))
	}
	return entry, list, nil
}

func decodeProgram(format Format, b []byte) program {
	if format == FormatELF32 {
		word := func(at int) uint64 { return uint64(le.Uint32(b[at:])) }
		return program{word(0), word(4), word(8), word(12), word(16), word(20)}
	}
	word := func(at int) uint64 { return le.Uint64(b[at:]) }
	return program{uint64(le.Uint32(b)), word(8), word(16), word(24), word(32), word(40)}
}

// checkSegments checks that the segments are in the file, in memory above the
// loader, and apart from each other, and that the entry point is in one.
func (h *Header) checkSegments() error {
	for i, s := range h.Segments {
		if s.Offset+s.FileSize > h.Size {
			return fmt.Errorf("%w: segment at byte %d of %d bytes is beyond the end of the file (%d bytes)", ErrKernel, s.Offset, s.FileSize, h.Size)
		}
		if s.Address < lowestAddress {
			return fmt.Errorf("%w: segment at %#x overlaps the loader; must be at %#x or above", ErrOverlap, s.Address, lowestAddress)
		}
		if s.end() > addressSpace {
			return fmt.Errorf("%w: segment at %#x of %#x bytes ends above 4 GiB", ErrMemory, s.Address, s.MemorySize)
		}
		for _, other := range h.Segments[:i] {
			if int64(s.Address) < other.end() && int64(other.Address) < s.end() {
				return fmt.Errorf("%w: segments at %#x and %#x", ErrOverlap, other.Address, s.Address)
			}
		}
	}
	if !slices.ContainsFunc(h.Segments, func(s Segment) bool { return h.Entry-s.Address < s.MemorySize }) {
		return fmt.Errorf("%w: entry point %#x is in none of %d segments", ErrKernel, h.Entry, len(h.Segments))
	}
	return nil
}

// extent returns the lowest address of all segments, and the address behind the highest.
func (h *Header) extent() (low, end int64) {
	low = addressSpace
	for _, s := range h.Segments {
		low, end = min(low, int64(s.Address)), max(end, s.end())
	}
	return low, end
}
