package hypervisor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	sectorSize = 512
	// The ext2 superblock lies 1024 bytes into its partition, and its magic
	// number 56 bytes into that (linux/fs/ext2/ext2.h, s_magic).
	ext2MagicOffset = 1024 + 56
	ext2Magic       = 0xef53
	// A boot sector ends in this number. So does the first sector of a Linux
	// bzImage, which is followed by "HdrS" (Documentation/arch/x86/boot.rst).
	bootMagicOffset   = 510
	bootMagic         = 0xaa55
	linuxHeaderOffset = 0x202
	linuxHeader       = "HdrS"
)

// IsDisk reports whether the file is a raw disk, with or without partitions,
// rather than a kernel.
func IsDisk(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	header := make([]byte, len(linuxHeader))
	_, err = file.ReadAt(header, linuxHeaderOffset)
	return isFileSystem(file) || err == nil && number(file, bootMagicOffset) == bootMagic && string(header) != linuxHeader
}

// isFileSystem reports whether the disk is an ext2, ext3 or ext4 file system
// without partitions.
func isFileSystem(disk io.ReaderAt) bool { return number(disk, ext2MagicOffset) == ext2Magic }

func number(r io.ReaderAt, offset int64) uint16 {
	var b [2]byte
	if _, err := r.ReadAt(b[:], offset); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint16(b[:])
}

// menuPlace returns the argument that EC2 starts pv-grub with: menu.lst on the
// disk itself if that is a file system, or else on its first partition.
func menuPlace(disk io.ReaderAt) string {
	if isFileSystem(disk) {
		return "(hd0)/boot/grub/menu.lst"
	}
	return "(hd0,0)/boot/grub/menu.lst"
}

// openDisk opens a disk for reading, as QEMU will.
func openDisk(path string) (*os.File, error) {
	disk, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the disk: %w", err)
	}
	info, err := disk.Stat()
	if err == nil && (info.IsDir() || info.Mode().IsRegular() && info.Size() < sectorSize) {
		err = fmt.Errorf("open the disk: %s is not a raw disk", path)
	}
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	return disk, nil
}
