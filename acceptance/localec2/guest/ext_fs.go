package guest

import (
	"encoding/binary"
	"io"
	"strings"
)

// extFS finds files in an ext2, ext3 or ext4 file system, as far as GRUB 0.97
// with Xen's patches can read it (Linux: Documentation/filesystems/ext4, "Data
// Structures").
type extFS struct {
	volume          io.ReaderAt
	blockSize       int64
	inodesPerGroup  int64
	inodeSize       int64
	firstGroupBlock int64
}

const (
	superblockOffset = 1024
	superblockSize   = 1024
	extMagic         = 0xef53
	rootInode        = 2
	// GRUB can read neither 64-bit file systems nor data in inodes.
	unreadable = 0x80 | 0x8000
	// maxDirectory is far more than a directory of boot files needs.
	maxDirectory = 1 << 20

	modeMask, modeDirectory, modeLink = 0xf000, 0x4000, 0xa000
	extentsFlag                       = 0x80000
	extentMagic                       = 0xf30a
)

func isExt(volume io.ReaderAt) bool {
	magic := make([]byte, 2)
	_, err := volume.ReadAt(magic, superblockOffset+56)
	return err == nil && binary.LittleEndian.Uint16(magic) == extMagic
}

// openExt reads the superblock. It returns false if GRUB can't read the file
// system.
func openExt(volume io.ReaderAt) (*extFS, bool) {
	sb := make([]byte, superblockSize)
	if _, err := volume.ReadAt(sb, superblockOffset); err != nil {
		return nil, false
	}
	shift := word(sb, 24)
	fs := &extFS{volume: volume, inodesPerGroup: word(sb, 40), inodeSize: 128}
	if shift > 6 || fs.inodesPerGroup == 0 || word(sb, 96)&unreadable != 0 {
		return nil, false
	}
	if word(sb, 76) > 0 { // in revision 1, inodes can have any size
		fs.inodeSize = int64(binary.LittleEndian.Uint16(sb[88:]))
	}
	fs.blockSize = 1024 << shift
	fs.firstGroupBlock = word(sb, 20) + 1
	return fs, fs.inodeSize >= 128 && fs.inodeSize <= fs.blockSize
}

func word(b []byte, at int) int64 { return int64(binary.LittleEndian.Uint32(b[at:])) }

// exists reports whether there is a file at a path. It assumes that the target
// of a symbolic link exists.
func (fs *extFS) exists(path string) bool {
	number := int64(rootInode)
	for name := range strings.SplitSeq(path, "/") {
		inode, ok := fs.inode(number)
		if !ok {
			return false
		}
		switch binary.LittleEndian.Uint16(inode) & modeMask {
		case modeLink:
			return true
		case modeDirectory:
		default:
			return false
		}
		if number, ok = entry(fs.content(inode), name); !ok {
			return false
		}
	}
	return true
}

// inode reads an inode by its number.
func (fs *extFS) inode(number int64) ([]byte, bool) {
	descriptor := make([]byte, 32)
	group, index := (number-1)/fs.inodesPerGroup, (number-1)%fs.inodesPerGroup
	if _, err := fs.volume.ReadAt(descriptor, fs.firstGroupBlock*fs.blockSize+group*32); err != nil {
		return nil, false
	}
	inode := make([]byte, 128)
	_, err := fs.volume.ReadAt(inode, word(descriptor, 8)*fs.blockSize+index*fs.inodeSize)
	return inode, err == nil
}

// content reads the data of a directory.
func (fs *extFS) content(inode []byte) []byte {
	size := min(word(inode, 4), maxDirectory)
	var data []byte
	for _, block := range fs.blocks(inode, (size+fs.blockSize-1)/fs.blockSize) {
		part := make([]byte, fs.blockSize)
		if _, err := fs.volume.ReadAt(part, block*fs.blockSize); err != nil {
			return data
		}
		data = append(data, part...)
	}
	return data
}

// blocks returns the first blocks of a file: those of its extents, if they are
// in the inode, or the twelve in the inode and those of the indirect block. A
// directory of boot files needs no more.
func (fs *extFS) blocks(inode []byte, count int64) []int64 {
	var list []int64
	root := inode[40:100]
	if word(inode, 32)&extentsFlag != 0 {
		if binary.LittleEndian.Uint16(root) != extentMagic || binary.LittleEndian.Uint16(root[6:]) != 0 {
			return nil
		}
		for i := range min(int(binary.LittleEndian.Uint16(root[2:])), 4) {
			extent := root[12+12*i:]
			for n := range min(int64(binary.LittleEndian.Uint16(extent[4:])), count) {
				list = append(list, word(extent, 8)+n)
			}
		}
		return list
	}
	indirect := make([]byte, fs.blockSize)
	if _, err := fs.volume.ReadAt(indirect, word(root, 48)*fs.blockSize); err != nil {
		indirect = nil
	}
	for at := range min(count, 12+int64(len(indirect)/4)) {
		if at < 12 {
			list = append(list, word(root, int(at)*4))
		} else {
			list = append(list, word(indirect, int(at-12)*4))
		}
	}
	return list
}

// entry finds the inode of a name in the entries of a directory: inode, length
// of the entry, length of the name, type, name.
func entry(data []byte, name string) (int64, bool) {
	for len(data) >= 8 {
		length := int(binary.LittleEndian.Uint16(data[4:]))
		end := 8 + int(data[6])
		if length < 8 || length > len(data) || end > length {
			return 0, false
		}
		if inode := word(data, 0); inode != 0 && string(data[8:end]) == name {
			return inode, true
		}
		data = data[length:]
	}
	return 0, false
}
