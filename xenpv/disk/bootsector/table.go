package bootsector

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

var le = binary.LittleEndian

// Errors in a table.
var (
	ErrExtents     = errors.New("bad extents")
	ErrTooLarge    = errors.New("second stage too large")
	ErrCommandLine = errors.New("bad command line")
	ErrSize        = errors.New("bad size")
)

// LoaderName is the name of the boot loader that kernels get.
const LoaderName = "xenpv"

// A File is a file that the loader reads.
type File struct {
	Extents []Extent // where it lies, in order; the last may be longer than the file
	Size    int64    // in bytes, as it is stored

	// UncompressedSize is not 0 if the loader is to decompress the file, which
	// is in gzip format, and is the size in bytes after that. If it is 0, the
	// file is loaded unchanged, compressed or not.
	UncompressedSize int64

	// CommandLine is passed to the kernel unchanged. Most kernels expect the
	// file's name as its first word: Xen drops that word.
	CommandLine string
}

// memory returns the size of the file in memory.
func (f File) memory() int64 {
	if f.UncompressedSize != 0 {
		return f.UncompressedSize
	}
	return f.Size
}

// A Table describes what the loader starts, and where on the disk it is.
type Table struct {
	Kernel  File
	Header  Header // the kernel's, from ParseMultiboot
	Modules []File

	// ModuleAddress is where the first module goes, a multiple of the page
	// size. 0 means the first page above the kernel. Each further module
	// goes in the first page above the one before it.
	ModuleAddress uint32

	// Memory is the end address of the machine's memory below 4 GiB, if known.
	// 0 means 4 GiB. At boot, the loader checks against the memory map.
	Memory int64
}

// The table as boot.asm reads it, all numbers little-endian:
//
//	version      uint32  tableVersion
//	entry        uint32  address at which the kernel starts
//	information  uint32  address of the multiboot information
//	steps        each: kind, address, length in memory, argument, all uint32
//
// The loader checks that the memory of each step exists, and then does this:
//
//	0  end      start the kernel
//	1  load     read a file; the argument is its size on the disk. A uint32 follows:
//	            the number of extents, with bit 31 set if the file is to be
//	            decompressed; then each extent as start (uint64) and count (uint32)
//	2  copy     from the address in the argument
//	3  clear
//	4  expect   the uint32 there is the argument
//
// Behind the last step are the multiboot information, the list of modules and the strings.
const (
	tableVersion = 0x31544e55 // "UNT1"

	stepEnd    = 0
	stepLoad   = 1
	stepCopy   = 2
	stepClear  = 3
	stepExpect = 4

	flagGzip = 1 << 31
)

type tableHeader struct{ Version, Entry, Information uint32 }

type step struct{ Kind, Address, Length, Argument uint32 }

// information is the multiboot information. The loader fills in what only the
// machine knows: the size of memory, the boot device, and the length of the map.
type information struct {
	Flags, MemoryLower, MemoryUpper, BootDevice uint32
	CommandLine                                 uint32
	ModuleCount, Modules                        uint32
	Symbols                                     [4]uint32
	MapLength, Map                              uint32
	DrivesLength, Drives                        uint32
	ConfigTable                                 uint32
	LoaderName                                  uint32
	APMTable                                    uint32
	VBE                                         [7]uint32
}

// Memory sizes, boot device, command line, modules, memory map, loader's name.
const informationFlags = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<6 | 1<<9

type moduleInfo struct{ Start, End, String, Reserved uint32 }

// Size returns the size in bytes of the second stage, a multiple of
// [SectorSize]. It depends on the number of files, the numbers of their
// extents, the kernel's segments and the command lines; not on where the
// extents are. So the second stage has its place before the disk is laid out.
func (t Table) Size() int {
	n := stage2Size() + binary.Size(tableHeader{}) + binary.Size(information{}) + len(LoaderName) + 1
	for _, f := range append([]File{t.Kernel}, t.Modules...) {
		n += binary.Size(step{}) + 4 + len(f.Extents)*binary.Size(Extent{}) + binary.Size(moduleInfo{}) + len(f.CommandLine) + 1
	}
	n += (2 + 2*len(t.Header.Segments)) * binary.Size(step{}) // expect, end; copy and clear
	return (n + SectorSize - 1) / SectorSize * SectorSize
}

func stage2Size() int { return len(boot) - stage2Offset }

// Stage2 returns the second stage, of [Table.Size] bytes. If the
// loader cannot do what the table says, the error wraps one of this package's.
func Stage2(t Table) ([]byte, error) {
	p, err := t.place()
	if err != nil {
		return nil, fmt.Errorf("make second stage: %w", err)
	}
	if t.Size() > MaxStage2Size {
		return nil, fmt.Errorf("make second stage: %w: %d bytes; at most %d fit: use fewer extents or shorter command lines",
			ErrTooLarge, t.Size(), MaxStage2Size)
	}
	var b bytes.Buffer
	b.Write(boot[stage2Offset:])
	steps := t.encodeSteps(p)
	info := stage2Address + b.Len() + binary.Size(tableHeader{}) + len(steps)
	put(&b, tableHeader{tableVersion, t.Header.Entry, uint32(info)})
	b.Write(steps)
	t.putInformation(&b, p)
	b.Write(make([]byte, t.Size()-b.Len()))
	return b.Bytes(), nil
}

// put appends v, which has a fixed size.
func put(b *bytes.Buffer, v any) {
	if err := binary.Write(b, le, v); err != nil {
		panic(err) // impossible: v is one of the types above
	}
}

// encodeSteps returns the list of steps.
func (t Table) encodeSteps(p placement) []byte {
	var b bytes.Buffer
	putLoad(&b, t.Kernel, p.kernel)
	put(&b, step{stepExpect, uint32(p.kernel + t.Header.Offset), 4, multiboot1})
	for _, s := range t.Header.Segments {
		if source := p.kernel + s.Offset; source != int64(s.Address) && s.FileSize > 0 {
			put(&b, step{stepCopy, s.Address, uint32(s.FileSize), uint32(source)})
		}
	}
	for _, s := range t.Header.Segments {
		if bss := int64(s.MemorySize) - s.FileSize; bss > 0 {
			put(&b, step{stepClear, uint32(int64(s.Address) + s.FileSize), uint32(bss), 0})
		}
	}
	for i, f := range t.Modules {
		putLoad(&b, f, p.modules[i])
	}
	put(&b, step{Kind: stepEnd})
	return b.Bytes()
}

// putLoad appends the step that loads f, with its extents.
func putLoad(b *bytes.Buffer, f File, address int64) {
	put(b, step{stepLoad, uint32(address), uint32(f.memory()), uint32(f.Size)})
	count := uint32(len(f.Extents))
	if f.UncompressedSize != 0 {
		count |= flagGzip
	}
	put(b, count)
	put(b, f.Extents)
}

// putInformation appends the multiboot information, the modules and the strings.
func (t Table) putInformation(b *bytes.Buffer, p placement) {
	modules := stage2Address + b.Len() + binary.Size(information{})
	next := modules + len(t.Modules)*binary.Size(moduleInfo{})
	var text bytes.Buffer
	add := func(s string) uint32 {
		at := next + text.Len()
		text.WriteString(s + "\x00")
		return uint32(at)
	}
	put(b, information{
		Flags:       informationFlags,
		BootDevice:  0x00ffffff, // no partitions; the drive goes in the highest byte
		CommandLine: add(t.Kernel.CommandLine),
		ModuleCount: uint32(len(t.Modules)),
		Modules:     uint32(modules),
		Map:         mapAddress,
		LoaderName:  add(LoaderName),
	})
	for i, f := range t.Modules {
		start := uint32(p.modules[i])
		put(b, moduleInfo{start, start + uint32(f.memory()), add(f.CommandLine), 0})
	}
	b.Write(text.Bytes())
}

// A placement holds the addresses of the files.
type placement struct {
	kernel  int64 // the kernel's file
	modules []int64
}

// place assigns addresses to the files and checks them.
func (t Table) place() (placement, error) {
	var p placement
	if err := t.checkFiles(); err != nil {
		return p, err
	}
	low, end := t.Header.extent()
	memory := t.Memory
	if memory == 0 {
		memory = addressSpace
	}
	if low < lowestAddress || end > memory {
		return p, fmt.Errorf("kernel at %#x to %#x: %w, which is from %#x to %#x", low, end, ErrMemory, int64(lowestAddress), memory)
	}
	if p.kernel = t.placeKernel(end); p.kernel+t.Header.Size > memory {
		return p, fmt.Errorf("kernel file of %d bytes at %#x: %w, which ends at %#x", t.Header.Size, p.kernel, ErrMemory, memory)
	}
	next := pageAlign(end)
	if t.ModuleAddress != 0 {
		next = int64(t.ModuleAddress)
	}
	if next%pageSize != 0 || len(t.Modules) > 0 && next < end {
		return p, fmt.Errorf("modules at %#x and kernel at %#x to %#x: %w: modules must be page-aligned, above the kernel", next, low, end, ErrOverlap)
	}
	for i, f := range t.Modules {
		if next+f.memory() > memory {
			return p, fmt.Errorf("module %d of %d bytes at %#x: %w, which ends at %#x", i+1, f.memory(), next, ErrMemory, memory)
		}
		p.modules = append(p.modules, next)
		next = pageAlign(next + f.memory())
	}
	return p, nil
}

// placeKernel returns the address at which the kernel's file is loaded. If all
// segments are as far apart in memory as in the file, they are loaded in place.
// Otherwise they are copied from above the kernel, where the modules go later.
func (t Table) placeKernel(end int64) int64 {
	first := true
	var shift int64
	for _, s := range t.Header.Segments {
		if s.FileSize == 0 {
			continue
		}
		if d := int64(s.Address) - s.Offset; first {
			shift, first = d, false
		} else if d != shift {
			return pageAlign(end)
		}
	}
	if shift < lowestAddress {
		return pageAlign(end)
	}
	return shift
}

func pageAlign(n int64) int64 { return (n + pageSize - 1) / pageSize * pageSize }

// checkFiles checks the files' sizes, extents and command lines.
func (t Table) checkFiles() error {
	if len(t.Header.Segments) == 0 {
		return fmt.Errorf("kernel: %w: no segments", ErrKernel)
	}
	if t.Kernel.memory() != t.Header.Size {
		return fmt.Errorf("kernel: %w: %d bytes in memory; its header was read from %d bytes", ErrSize, t.Kernel.memory(), t.Header.Size)
	}
	if err := t.Kernel.check(); err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	for i, f := range t.Modules {
		if err := f.check(); err != nil {
			return fmt.Errorf("module %d: %w", i+1, err)
		}
	}
	return nil
}

func (f File) check() error {
	if f.Size <= 0 || f.UncompressedSize < 0 || f.Size >= addressSpace || f.UncompressedSize >= addressSpace {
		return fmt.Errorf("%w: %d bytes, %d in memory; must be 1 byte to 4 GiB", ErrSize, f.Size, f.memory())
	}
	if strings.IndexByte(f.CommandLine, 0) >= 0 {
		return fmt.Errorf("%w: zero byte in %q", ErrCommandLine, f.CommandLine)
	}
	var sectors int64
	for _, e := range f.Extents {
		if e.Count == 0 || e.Start > math.MaxInt64/SectorSize-uint64(e.Count) {
			return fmt.Errorf("%w: %d sectors at sector %d", ErrExtents, e.Count, e.Start)
		}
		sectors += int64(e.Count)
	}
	if sectors < (f.Size+SectorSize-1)/SectorSize {
		return fmt.Errorf("%w: %d sectors for %d bytes", ErrExtents, sectors, f.Size)
	}
	return nil
}
