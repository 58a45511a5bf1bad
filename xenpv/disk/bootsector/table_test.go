package bootsector

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// valid returns a table that Stage2 accepts.
func valid(t *testing.T) Table {
	t.Helper()
	kernel := elf32(0x400, 128, 3, base, whole)
	h, err := ParseMultiboot(bytes.NewReader(kernel), int64(len(kernel)))
	if err != nil {
		t.Fatal(err)
	}
	return Table{
		Header:  h,
		Kernel:  File{Size: 0x400, Extents: []Extent{{200, 2}}, CommandLine: "kernel"},
		Modules: []File{{Size: mib, Extents: []Extent{{300, 2048}}, CommandLine: "module"}},
	}
}

func TestStage2Size(t *testing.T) {
	table := valid(t)
	before := table.Size()
	for range 20 {
		table.Kernel.Extents[0].Start++
		got, err := Stage2(table)
		if err != nil || len(got) != before || before%SectorSize != 0 {
			t.Fatalf("second stage of %d bytes, %v; want %d", len(got), err, before)
		}
	}
	table.Modules[0].CommandLine = strings.Repeat("x", 5000)
	got, err := Stage2(table)
	if err != nil || len(got) != table.Size() || len(got) < before+4*SectorSize {
		t.Errorf("second stage of %d bytes with a longer line, %v; want %d", len(got), err, table.Size())
	}
}

func TestStage2Errors(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Table)
		want   error
	}{
		"no header":             {func(t *Table) { t.Header = Header{} }, ErrKernel},
		"another kernel":        {func(t *Table) { t.Kernel.Size = 0x3ff }, ErrSize},
		"not marked compressed": {func(t *Table) { t.Kernel.Size, t.Header.Size = 0x200, 0x400 }, ErrSize},
		"empty module":          {func(t *Table) { t.Modules[0].Size = 0 }, ErrSize},
		"negative size":         {func(t *Table) { t.Modules[0].UncompressedSize = -1 }, ErrSize},
		"module of 4 GiB":       {func(t *Table) { t.Modules[0].UncompressedSize = 1 << 32 }, ErrSize},
		"no extents":            {func(t *Table) { t.Modules[0].Extents = nil }, ErrExtents},
		"short extents":         {func(t *Table) { t.Modules[0].Extents = []Extent{{300, 2047}} }, ErrExtents},
		"empty extent":          {func(t *Table) { t.Modules[0].Extents = []Extent{{300, 2048}, {0, 0}} }, ErrExtents},
		"extent beyond disks":   {func(t *Table) { t.Kernel.Extents = []Extent{{1 << 63, 2}} }, ErrExtents},
		"zero byte":             {func(t *Table) { t.Kernel.CommandLine = "a\x00b" }, ErrCommandLine},
		"long lines":            {func(t *Table) { t.Kernel.CommandLine = strings.Repeat("x", MaxStage2Size) }, ErrTooLarge},
		"kernel above memory":   {func(t *Table) { t.Memory = mib + 0x7ff }, ErrMemory},
		"no room to copy":       {func(t *Table) { t.Memory = mib + 0x13ff }, ErrMemory},
		"module above memory":   {func(t *Table) { t.Memory = 2*mib + 0xfff }, ErrMemory},
		"fixed above memory":    {func(t *Table) { t.Memory, t.ModuleAddress = 64*mib, 64*mib-4096 }, ErrMemory},
		"second above memory":   {func(t *Table) { t.Memory, t.Modules = 3*mib, append(t.Modules, t.Modules[0]) }, ErrMemory},
		"module in the kernel":  {func(t *Table) { t.ModuleAddress = mib }, ErrOverlap},
		"kernel fills the gap":  {func(t *Table) { t.ModuleAddress, t.Header.Segments[0].MemorySize = 64*mib, 63*mib+1 }, ErrOverlap},
		"address in a page":     {func(t *Table) { t.ModuleAddress = 64*mib + 1 }, ErrOverlap},
		"kernel in the loader":  {func(t *Table) { t.Header.Segments[0].Address = 0x8000 }, ErrMemory},
	} {
		t.Run(name, func(t *testing.T) {
			table := valid(t)
			test.change(&table)
			if _, err := Stage2(table); !errors.Is(err, test.want) {
				t.Errorf("got %v; want %v", err, test.want)
			}
		})
	}
}

func TestStage2Limits(t *testing.T) {
	for name, change := range map[string]func(*Table){
		"just enough memory":    func(t *Table) { t.Memory = 2*mib + 0x1000 },
		"kernel up to the gap":  func(t *Table) { t.ModuleAddress, t.Header.Segments[0].MemorySize = 64*mib, 63*mib },
		"64 extents, 8 modules": func(t *Table) { t.Kernel.Extents, t.Modules = make64(), eight() },
	} {
		t.Run(name, func(t *testing.T) {
			table := valid(t)
			change(&table)
			if _, err := Stage2(table); err != nil {
				t.Error(err)
			}
		})
	}
}

// make64 returns 64 extents.
func make64() (e []Extent) {
	for i := range 64 {
		e = append(e, Extent{uint64(1000 + 2*i), 1})
	}
	return e
}

// eight returns 8 modules of 64 extents, with lines as long as Xen passes them.
func eight() (files []File) {
	for range 8 {
		files = append(files, File{Size: 64 * SectorSize, Extents: make64(), CommandLine: strings.Repeat("x", 1023)})
	}
	return files
}

func TestSector(t *testing.T) {
	sector, err := Sector(Extent{0x123456789a, 7})
	if err != nil || len(sector) != SectorSize {
		t.Fatalf("sector of %d bytes, %v", len(sector), err)
	}
	if err := CheckSignature(sector); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(sector[426:440], []byte{7, 0, 0, 0x80, 0, 0, 0x9a, 0x78, 0x56, 0x34, 0x12, 0, 0, 0}) {
		t.Errorf("the packet is % x", sector[424:440])
	}
	for _, e := range []Extent{{0, 1}, {1, 0}, {1, MaxStage2Size/SectorSize + 1}, {1 << 63, 1}} {
		if _, err := Sector(e); !errors.Is(err, ErrExtents) {
			t.Errorf("%v: %v; want %v", e, err, ErrExtents)
		}
	}
	for _, head := range [][]byte{nil, sector[:511], make([]byte, 512)} {
		if err := CheckSignature(head); !errors.Is(err, ErrNoSignature) {
			t.Errorf("%d bytes: %v; want %v", len(head), err, ErrNoSignature)
		}
	}
}
