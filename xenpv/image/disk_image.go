package image

import (
	"bytes"
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

// diskImage inspects a file that is not a kernel.
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
		d.BootCode = hasBootCode(head[:sectorSize])
	}
	if d.GPT {
		d.Format = "raw"
	}
	return d
}

// hasBootCode reports whether a first sector has code that may start a system. A
// volume for data, such as FAT, has a signature and parameters there, too. What
// follows then, or follows the jump over the parameters, is zeros or mkfs.fat's
// message.
func hasBootCode(sector []byte) bool {
	const jumpShort = 0xeb // and a signed distance, from the next instruction
	start := 0
	if sector[0] == jumpShort && sector[1] < 0x80 {
		start = 2 + int(sector[1])
	}
	code := sector[start:bootCodeSize]
	return (code[0] != 0 || code[1] != 0) && !bytes.Contains(code, []byte("This is not a bootable disk"))
}

// Raw returns the file as it is, for an image that is a disk.
func (im *Image) Raw() *io.SectionReader { return io.NewSectionReader(im.raw, 0, im.raw.Size()) }
