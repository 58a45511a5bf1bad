package bootsector

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/ext2"
)

// TestExt2 boots an ext2 file system that fills the whole disk: boot sector before
// the superblock, second stage, kernel and modules in files.
func TestExt2(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine, and the test is to be short")
	}
	d := testDisk{
		kernel:  testFile{data: assemble(t, "testdata/kernel.asm", "-DELF64"), line: "on ext2"},
		modules: []testFile{{data: noise(5_000_000, 7), line: "module"}, {data: noise(300_000, 8), gzip: true, line: "compressed"}},
		address: 16 << 20,
	}
	packed := compress(t, d.modules[1].data)
	header, err := ParseMultiboot(bytes.NewReader(d.kernel.data), int64(len(d.kernel.data)))
	if err != nil {
		t.Fatal(err)
	}
	table := Table{Header: header, ModuleAddress: d.address,
		Kernel: File{CommandLine: d.kernel.line},
		Modules: []File{
			{CommandLine: d.modules[0].line},
			{CommandLine: d.modules[1].line, UncompressedSize: int64(len(d.modules[1].data))},
		},
	}
	contents := map[string][]byte{"boot/kernel": d.kernel.data, "boot/module": d.modules[0].data, "boot/module.gz": packed}
	for path, file := range map[string]*File{"boot/kernel": &table.Kernel, "boot/module": &table.Modules[0], "boot/module.gz": &table.Modules[1]} {
		file.Size = int64(len(contents[path]))
		file.Extents = make([]Extent, 1)
	}
	contents["boot/loader"] = bytes.Repeat([]byte("place of the second stage"), 1000)[:table.Size()]

	disk := ext2Disk(t, contents)
	table.Kernel.Extents[0] = find(t, disk, contents["boot/kernel"])
	table.Modules[0].Extents[0] = find(t, disk, contents["boot/module"])
	table.Modules[1].Extents[0] = find(t, disk, contents["boot/module.gz"])
	sector, err := Sector(find(t, disk, contents["boot/loader"]))
	if err != nil {
		t.Fatal(err)
	}
	if contents["boot/loader"], err = Stage2(table); err != nil {
		t.Fatal(err)
	}
	disk = ext2Disk(t, contents)
	copy(disk, sector)
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), oracle.Need(t, "e2fsck"), "-fn", path).CombinedOutput()
	if err != nil || strings.Contains(string(out), "?") {
		t.Errorf("e2fsck -fn: %v\n%s", err, out)
	}
	checkReport(t, machine{args: dirty}.bootFile(t, path), d, d.address)
}

// ext2Disk returns a file system with the given files.
func ext2Disk(t *testing.T, contents map[string][]byte) []byte {
	t.Helper()
	var files []ext2.File
	for path, data := range contents {
		files = append(files, ext2.File{Path: path, Data: bytes.NewReader(data), Size: int64(len(data))})
	}
	fsys, err := ext2.New(files, [16]byte{1}, "test")
	if err != nil {
		t.Fatal(err)
	}
	disk, err := io.ReadAll(io.NewSectionReader(fsys, 0, fsys.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return disk
}

// find returns the extent of data on the disk. Files of this file system are contiguous.
func find(t *testing.T, disk, data []byte) Extent {
	t.Helper()
	at := bytes.Index(disk, data)
	if at < 0 || at%ext2.BlockSize != 0 {
		t.Fatalf("a file of %d bytes is at byte %d of the disk", len(data), at)
	}
	return Extent{uint64(at / SectorSize), uint32((len(data) + SectorSize - 1) / SectorSize)}
}

// TestPartitions boots a disk with a partition table behind the boot sector's code.
func TestPartitions(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine, and the test is to be short")
	}
	d := testDisk{kernel: testFile{data: assemble(t, "testdata/kernel.asm", "-DAOUT"), line: "partitioned"}}
	d.edit = func(_ *Table, disk []byte) []byte {
		mbr := bytes.Repeat([]byte{0xff}, SectorSize) // a disk signature, and four partitions of a sort
		copy(mbr, disk[:CodeSize])
		le.PutUint16(mbr[SectorSize-2:], signature)
		copy(disk, mbr)
		return disk
	}
	checkReport(t, machine{args: dirty}.boot(t, d.image(t)), d, 0)
}

// TestControllers boots from the disks that a BIOS knows, beyond the usual IDE.
func TestControllers(t *testing.T) {
	if testing.Short() {
		t.Skip("boots machines, and the test is to be short")
	}
	d := testDisk{kernel: testFile{data: assemble(t, "testdata/kernel.asm", "-DELF32")},
		modules: []testFile{{data: noise(3_000_000, 9), pieces: 3}}, address: 16 << 20}
	for name, device := range map[string]string{
		"virtio": "virtio-blk-pci,drive=d",
		"AHCI":   "ahci,id=a -device ide-hd,bus=a.0,drive=d",
		"NVMe":   "nvme,serial=1,drive=d",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := machine{disk: "none,id=d", args: append(strings.Fields("-device "+device), dirty...)}
			checkReport(t, m.boot(t, d.image(t)), d, d.address)
		})
	}
}

// TestMemoryAbove4GiB boots a machine with more memory than 32 bits address.
func TestMemoryAbove4GiB(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine, and the test is to be short")
	}
	d := testDisk{kernel: testFile{data: assemble(t, "testdata/kernel.asm", "-DELF32")},
		modules: []testFile{{data: noise(10_000, 10)}}, address: 0xa0000000}
	log := machine{memory: 4200}.boot(t, d.image(t))
	for _, want := range []string{"upper=002ffb80\n", "module=a0000000\n", "done=00000000\n"} {
		if !strings.Contains(log, want) {
			t.Errorf("the kernel did not print %q:\n%s", want, log)
		}
	}
}
