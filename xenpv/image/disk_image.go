package image

import (
	"encoding/binary"
	"io"
)

// A DiskImage are the facts about a file that is a disk.
type DiskImage struct {
	Format   string // "raw", or a format that must be converted to it: "qcow2", "vmdk", "vhd", "vhdx", "vdi"; "" if it is no disk
	BootCode bool   // a BIOS can boot it: the first sector has a signature and code
	GPT      bool   // it has a GUID partition table, by which UEFI boots
}

const (
	sectorSize   = 512
	bootCodeSize = 440    // of an MBR, up to the disk signature
	bootMagic    = 0xaa55 // at the end of the first sector
)

// diskFormats are the formats of disk images that aren't raw, by their magic.
var diskFormats = []struct {
	at            uint64
	magic, format string
}{
	{0, "QFI\xfb", "qcow2"},
	{0, "KDMV", "vmdk"},
	{0, "# Disk DescriptorFile", "vmdk"},
	{0, "conectix", "vhd"},
	{0, "vhdxfile", "vhdx"},
	{64, "\x7f\x10\xda\xbe", "vdi"},
}

// diskImage looks at a file that is not a kernel.
func diskImage(b *blob) DiskImage {
	for _, f := range diskFormats {
		if b.hasAt(f.at, f.magic) {
			return DiskImage{Format: f.format}
		}
	}
	if b.size%sectorSize == 0 && b.size >= sectorSize && b.hasAt(b.size-sectorSize, "conectix") {
		return DiskImage{Format: "vhd"} // of a fixed size: the footer is at its end
	}
	head, ok := b.bytes(0, min(2*sectorSize, b.size))
	if !ok || len(head) < sectorSize {
		return DiskImage{}
	}
	d := DiskImage{GPT: len(head) >= 2*sectorSize && string(head[sectorSize:sectorSize+8]) == "EFI PART"}
	if binary.LittleEndian.Uint16(head[sectorSize-2:]) == bootMagic {
		d.Format = "raw"
		for _, c := range head[:bootCodeSize] {
			d.BootCode = d.BootCode || c != 0
		}
	}
	if d.GPT {
		d.Format = "raw"
	}
	return d
}

// Raw returns the file as it is, for an image that is a disk.
func (im *Image) Raw() *io.SectionReader { return io.NewSectionReader(im.raw, 0, im.raw.Size()) }
