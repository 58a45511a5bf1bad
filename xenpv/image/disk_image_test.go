package image

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiskImage(t *testing.T) {
	// disk returns a disk of four sectors with texts at offsets in bytes.
	disk := func(texts map[int]string) []byte {
		data := make([]byte, 4*sectorSize)
		for off, text := range texts {
			copy(data[off:], text)
		}
		return data
	}
	const signature = "\x55\xaa"
	const mkfsFAT = "\x0e\x1f\xbe\x5b\x7c\xac\x22\xc0\x74\x0b\x56\xb4\x0e\xbb\x07\x00\xcd\x10\x5e\xeb\xf0" +
		"\x32\xe4\xcd\x16\xcd\x19\xeb\xfeThis is not a bootable disk.  Please insert a bootable floppy and\r\n"
	for name, test := range map[string]struct {
		image []byte
		want  DiskImage
	}{
		"qcow2":               {disk(map[int]string{0: "QFI\xfb"}), DiskImage{Format: "qcow2"}},
		"vmdk":                {disk(map[int]string{0: "KDMV"}), DiskImage{Format: "vmdk"}},
		"vhd of a fixed size": {disk(map[int]string{0: "\xfa", 510: signature, 3 * sectorSize: "conectix"}), DiskImage{Format: "vhd"}},
		"vdi":                 {disk(map[int]string{64: "\x7f\x10\xda\xbe"}), DiskImage{Format: "vdi"}},
		"no signature":        {disk(map[int]string{0: "\xfa\x31\xc0"}), DiskImage{}},
		"less than a sector":  {slices.Repeat([]byte{1}, sectorSize-1), DiskImage{}},
		"MBR with code":       {disk(map[int]string{0: "\xfa\x31\xc0", 510: signature}), DiskImage{Format: "raw", BootCode: true}},
		"MBR with a jump":     {disk(map[int]string{0: "\xeb\x63\x90", 0x65: "\xfa", 510: signature}), DiskImage{Format: "raw", BootCode: true}},
		"a jump backwards":    {disk(map[int]string{0: "\xeb\xfe", 510: signature}), DiskImage{Format: "raw", BootCode: true}},
		"one sector":          {disk(map[int]string{0: "\xfa", 510: signature})[:sectorSize], DiskImage{Format: "raw", BootCode: true}},
		"MBR without code":    {disk(map[int]string{446: "\x80", 510: signature}), DiskImage{Format: "raw"}},
		"GPT":                 {disk(map[int]string{510: signature + "EFI PART"}), DiskImage{Format: "raw", GPT: true}},
		"GPT and BIOS":        {disk(map[int]string{0: "\xfa", 510: signature + "EFI PART"}), DiskImage{Format: "raw", GPT: true, BootCode: true}},
		// Volumes as ocaml-fat, other libraries and mkfs.fat make them.
		"FAT without code":       {disk(map[int]string{3: "ocamlfat\x00\x02\x04\x04", 510: signature}), DiskImage{Format: "raw"}},
		"FAT with only a jump":   {disk(map[int]string{0: "\xeb\x3c\x90FATMAKER\x00\x02", 510: signature}), DiskImage{Format: "raw"}},
		"FAT by mkfs.fat":        {disk(map[int]string{0: "\xeb\x3c\x90mkfs.fat\x00\x02", 0x3e: mkfsFAT, 510: signature}), DiskImage{Format: "raw"}},
		"FAT with a boot loader": {disk(map[int]string{0: "\xeb\x58\x90SYSLINUX\x00\x02", 0x5a: "\xfa\xfc", 510: signature}), DiskImage{Format: "raw", BootCode: true}},
	} {
		if diff := cmp.Diff(test.want, inspectBytes(t, test.image).Disk); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
