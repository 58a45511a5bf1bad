package bootsector

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// elf32 returns a 32-bit ELF kernel of size bytes with the given entry point and segments,
// and its multiboot header at byte at.
func elf32(size, at int, flags, entry uint32, segments ...Segment) []byte {
	b := make([]byte, size)
	copy(b, "\x7fELF\x01\x01\x01")
	le.PutUint16(b[18:], 3)
	le.PutUint32(b[24:], entry)
	le.PutUint32(b[28:], 52)
	le.PutUint16(b[42:], 32)
	le.PutUint16(b[44:], uint16(len(segments)))
	for i, s := range segments {
		p := b[52+32*i:]
		for j, v := range []uint32{1, uint32(s.Offset), s.Address, s.Address, uint32(s.FileSize), s.MemorySize} {
			le.PutUint32(p[4*j:], v)
		}
	}
	putHeader(b[at:], flags)
	return b
}

func putHeader(b []byte, flags uint32) {
	const magic = uint32(multiboot1)
	for i, v := range []uint32{magic, flags, -(magic + flags)} {
		le.PutUint32(b[4*i:], v)
	}
}

// aout returns a kernel with the a.out kludge: the header at byte 64, for the given addresses.
func aout(size int, addresses ...uint32) []byte {
	b := make([]byte, size)
	putHeader(b[64:], flagKludge)
	for i, v := range addresses {
		le.PutUint32(b[64+headerSize+4*i:], v)
	}
	return b
}

// patch returns b with a word replaced.
func patch(b []byte, at int, v uint32) []byte {
	le.PutUint32(b[at:], v)
	return b
}

const (
	base = 1 << 20
	mib  = 1 << 20
)

// whole is a segment of all 0x400 bytes of a kernel, with as much BSS behind it.
var whole = Segment{0, 0x400, base, 0x800}

func TestParseMultiboot(t *testing.T) {
	for name, test := range map[string]struct {
		kernel []byte
		want   Header
	}{
		"ELF32": {elf32(0x400, 256, 3, base+256, whole), Header{Offset: 256, Flags: 3, Format: FormatELF32, Entry: base + 256, Segments: []Segment{whole}}},
		"header at the end of 8 KiB": {elf32(headerSearch, headerSearch-headerSize, 0, base, Segment{0, 4, base, 4}),
			Header{Offset: headerSearch - headerSize, Format: FormatELF32, Entry: base, Segments: []Segment{{0, 4, base, 4}}}},
		"optional flags": {elf32(0x400, 128, 0xfffe0000, base, whole), Header{Offset: 128, Flags: 0xfffe0000, Format: FormatELF32, Entry: base, Segments: []Segment{whole}}},
		"a chance magic first": {patch(elf32(0x400, 128, 3, base, whole), 100, multiboot1),
			Header{Offset: 128, Flags: 3, Format: FormatELF32, Entry: base, Segments: []Segment{whole}}},
		"virtual entry": {patch(elf32(0x400, 128, 3, 0xc0000010, whole), 52+8, 0xc0000000),
			Header{Offset: 128, Flags: 3, Format: FormatELF32, Entry: base + 0x10, Segments: []Segment{whole}}},
		"x86-64 in ELF32": {patch(elf32(0x400, 128, 3, base, whole), 16, 62<<16), Header{Offset: 128, Flags: 3, Format: FormatELF32, Entry: base, Segments: []Segment{whole}}},
		"other program headers": {patch(elf32(0x400, 128, 3, base, whole, Segment{5, 6, 7, 8}), 52+32, 4),
			Header{Offset: 128, Flags: 3, Format: FormatELF32, Entry: base, Segments: []Segment{whole}}},
		"a.out":             {aout(0x400, 0x200010, 0x200000, 0x200100, 0x200200, 0x200020), Header{Offset: 64, Flags: flagKludge, Format: FormatAOut, Entry: 0x200020, Segments: []Segment{{48, 0x100, 0x200000, 0x200}}}},
		"a.out, whole file": {aout(0x400, 0x200040, 0x200000, 0, 0, 0x200020), Header{Offset: 64, Flags: flagKludge, Format: FormatAOut, Entry: 0x200020, Segments: []Segment{{0, 0x400, 0x200000, 0x400}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseMultiboot(bytes.NewReader(test.kernel), int64(len(test.kernel)))
			if err != nil {
				t.Fatal(err)
			}
			test.want.Size = int64(len(test.kernel))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseMultibootErrors(t *testing.T) {
	only2 := patch(patch(patch(make([]byte, 64), 8, multiboot2), 16, 16), 20, ^uint32(multiboot2+16)+1)
	for name, test := range map[string]struct {
		kernel []byte
		want   error
	}{
		"empty":              {nil, ErrNoHeader},
		"no header":          {make([]byte, 10000), ErrNoHeader},
		"unaligned header":   {elf32(0x400, 130, 3, base, whole), ErrNoHeader},
		"multiboot 2 only":   {only2, ErrMultiboot2},
		"beyond 8 KiB":       {elf32(0x4000, headerSearch-headerSize+4, 3, base, whole), ErrHeaderTooFar},
		"checksum":           {patch(elf32(0x400, 128, 3, base, whole), 136, 1), ErrChecksum},
		"video":              {elf32(0x400, 128, 7, base, whole), ErrVideo},
		"unknown flag":       {elf32(0x400, 128, 1<<15|3, base, whole), ErrFlags},
		"not ELF":            {patch(elf32(0x400, 128, 3, base, whole), 0, 0), ErrKernel},
		"big endian":         {patch(elf32(0x400, 128, 3, base, whole), 4, 0x010201), ErrKernel},
		"ARM":                {patch(elf32(0x400, 128, 3, base, whole), 16, 40<<16), ErrKernel},
		"program headers":    {patch(elf32(0x400, 128, 3, base, whole), 28, 0x3f0), ErrKernel},
		"far headers":        {patch(elf32(0x400, 128, 3, base, whole), 28, 0xfffffff0), ErrKernel},
		"size of headers":    {patch(elf32(0x400, 128, 3, base, whole), 40, 31<<16), ErrKernel},
		"no segments":        {elf32(0x400, 128, 3, base), ErrKernel},
		"entry":              {elf32(0x400, 128, 3, base-1, whole), ErrKernel},
		"entry in the gap":   {elf32(0x400, 128, 3, base+0x800, whole), ErrKernel},
		"truncated":          {elf32(0x3ff, 128, 3, base, whole), ErrKernel},
		"larger than memory": {elf32(0x400, 128, 3, base, Segment{0, 0x400, base, 0x3ff}), ErrKernel},
		"below 1 MiB":        {elf32(0x400, 128, 3, base-4096, Segment{0, 4, base - 4096, 4}), ErrOverlap},
		"segments overlap":   {elf32(0x400, 128, 3, base, whole, Segment{0, 4, base + 0x7ff, 4}), ErrOverlap},
		"above 4 GiB":        {elf32(0x400, 128, 3, 0xfffff000, Segment{0, 4, 0xfffff000, 0x2000}), ErrMemory},
		"a.out: cut off":     {aout(64 + headerSize), ErrKernel},
		"a.out: load":        {aout(0x400, 0x200000, 0x200004, 0, 0, 0x200020), ErrKernel},
		"a.out: offset":      {aout(0x400, 0x200041, 0x200000, 0, 0, 0x200020), ErrKernel},
		"a.out: end":         {aout(0x400, 0x200040, 0x200000, 0x1fffff, 0, 0x200020), ErrKernel},
		"a.out: truncated":   {aout(0x400, 0x200040, 0x200000, 0x200401, 0, 0x200020), ErrKernel},
		"a.out: entry":       {aout(0x400, 0x200040, 0x200000, 0, 0, 0x200400), ErrKernel},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseMultiboot(bytes.NewReader(test.kernel), int64(len(test.kernel)))
			if !errors.Is(err, test.want) {
				t.Errorf("got %+v, %v; want %v", got, err, test.want)
			}
		})
	}
}

// TestParseDebian parses kernels that GRUB starts.
func TestParseDebian(t *testing.T) {
	dir := oracle.DebianImages(t)
	read := func(name string) []byte {
		if filepath.Ext(name) == ".gz" {
			return gunzip(t, filepath.Join(dir, name))
		}
		return readFile(t, filepath.Join(dir, name))
	}
	for name, want := range map[string]Header{
		"xen-hypervisor.gz": {Format: FormatELF32, Entry: 0x200000, Multiboot2: true},
		"xen-shim":          {Format: FormatELF32, Entry: 0x200000, Multiboot2: true},
		"gnumach-486.gz":    {Format: FormatELF64, Entry: 0x1000000},
	} {
		kernel := read(name)
		got, err := ParseMultiboot(bytes.NewReader(kernel), int64(len(kernel)))
		if err != nil || got.Format != want.Format || got.Entry != want.Entry || got.Multiboot2 != want.Multiboot2 {
			t.Errorf("%s: got %+v, %v; want format, entry and multiboot 2 of %+v", name, got, err, want)
		}
	}
	linux := read("vmlinuz-cloud-amd64")
	if _, err := ParseMultiboot(bytes.NewReader(linux), int64(len(linux))); !errors.Is(err, ErrNoHeader) {
		t.Errorf("Linux: %v; want %v", err, ErrNoHeader)
	}
}

// FuzzParseMultiboot checks that what is accepted can be placed, or is refused with an error.
func FuzzParseMultiboot(f *testing.F) {
	f.Add(elf32(0x400, 128, 3, base, whole))
	f.Add(aout(0x400, 0x200010, 0x200000, 0x200100, 0x200200, 0x200020))
	f.Fuzz(func(t *testing.T, kernel []byte) {
		h, err := ParseMultiboot(bytes.NewReader(kernel), int64(len(kernel)))
		if err != nil {
			return
		}
		table := Table{Header: h, Kernel: File{Size: h.Size, Extents: []Extent{{100, 1 << 20}}}}
		stage2, err := Stage2(table)
		if err == nil && len(stage2) != table.Size() {
			t.Errorf("second stage of %d bytes; want %d", len(stage2), table.Size())
		}
	})
}

// A failing reader's error comes through.
func TestParseMultibootRead(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "kernel.asm"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := ParseMultiboot(f, 100); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v; want %v", err, os.ErrClosed)
	}
}
