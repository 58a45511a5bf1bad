package guest

import (
	"encoding/binary"
	"io"
)

// menuDirectories are the directories of a partition in which PV-GRUB finds
// menu.lst. On a disk without partitions, it finds it only in the first (Amazon
// EC2 User Guide, "User provided kernels").
var menuDirectories = []string{"boot/grub", "grub"}

// hasMenu reports whether PV-GRUB finds a menu.lst: on the disk itself, or on
// one of its first four partitions. The older hd00 kernels know only the first
// partition. hasMenu does not read file systems other than ext2, ext3 and ext4,
// and assumes that they have one.
func hasMenu(disk io.ReaderAt, hd00 bool) bool {
	if !hd00 && isExt(disk) {
		return findsMenu(disk, menuDirectories[:1])
	}
	partitions, ok := readPartitions(disk)
	if !ok {
		return !hd00 // neither a known file system nor partitions
	}
	if hd00 {
		partitions = partitions[:1]
	}
	for _, p := range partitions {
		if p.sectors == 0 {
			continue
		}
		volume := io.NewSectionReader(disk, p.start*sectorSize, p.sectors*sectorSize)
		if !isExt(volume) || findsMenu(volume, menuDirectories) {
			return true
		}
	}
	return false
}

func findsMenu(volume io.ReaderAt, directories []string) bool {
	fs, ok := openExt(volume)
	if !ok {
		return false
	}
	for _, directory := range directories {
		if fs.exists(directory + "/menu.lst") {
			return true
		}
	}
	return false
}

const sectorSize = 512

// partition is an entry of a boot record, in sectors.
type partition struct{ start, sectors int64 }

// readPartitions reads the boot record of a disk: four entries of 16 bytes at
// offset 446, each with its first sector and its length in sectors at offset 8,
// and the signature at offset 510.
func readPartitions(disk io.ReaderAt) ([]partition, bool) {
	record := make([]byte, sectorSize)
	if _, err := disk.ReadAt(record, 0); err != nil || binary.LittleEndian.Uint16(record[510:]) != 0xaa55 {
		return nil, false
	}
	var all []partition
	for at := 446; at < 510; at += 16 {
		all = append(all, partition{
			int64(binary.LittleEndian.Uint32(record[at+8:])),
			int64(binary.LittleEndian.Uint32(record[at+12:])),
		})
	}
	return all, true
}
