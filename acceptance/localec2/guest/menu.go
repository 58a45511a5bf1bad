package guest

import (
	"encoding/binary"
	"io"
)

// menuPlaces are the folders of a partition in which PV-GRUB looks for
// menu.lst; on a disk without partitions it looks in the first only (Amazon
// EC2 User Guide, "User provided kernels").
var menuPlaces = []string{"boot/grub", "grub"}

// hasMenu tells whether PV-GRUB finds a menu.lst: on the disk itself, or on
// one of its first four partitions. The older kernels of the kind hd00 know
// the first only. File systems other than ext2, ext3 and ext4 are not looked
// into, and may have one.
func hasMenu(disk io.ReaderAt, hd00 bool) bool {
	if !hd00 && isExt(disk) {
		return findsMenu(disk, menuPlaces[:1])
	}
	partitions, ok := readPartitions(disk)
	if !ok {
		return !hd00 // no file system that we know, and no partitions
	}
	if hd00 {
		partitions = partitions[:1]
	}
	for _, p := range partitions {
		if p.sectors == 0 {
			continue
		}
		volume := io.NewSectionReader(disk, p.start*sectorSize, p.sectors*sectorSize)
		if !isExt(volume) || findsMenu(volume, menuPlaces) {
			return true
		}
	}
	return false
}

func findsMenu(volume io.ReaderAt, folders []string) bool {
	fs, ok := openExt(volume)
	if !ok {
		return false
	}
	for _, folder := range folders {
		if fs.exists(folder + "/menu.lst") {
			return true
		}
	}
	return false
}

const sectorSize = 512

// partition is one of a boot record, in sectors.
type partition struct{ start, sectors int64 }

// readPartitions reads the boot record of a disk: four entries of 16 bytes at
// 446, each with its first sector and its length in sectors at 8, and the
// signature at 510.
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
