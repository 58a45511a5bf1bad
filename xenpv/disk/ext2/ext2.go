// Package ext2 makes small ext2 file systems without free space, in a plain form that
// all readers support: GRUB 0.97 with its various patches (including PV-GRUB), GRUB 2,
// pygrub, Linux and the BSDs.
//
// [New] takes the files' names and sizes, lays them out, and returns a file
// system that is read like a file. Only its metadata is held in memory, about
// 1/1000 of the files' size. The files' contents are read from their sources
// on demand, so nothing is copied.
//
// The format is revision 1 with only the filetype feature, 4 KiB blocks, 128-byte
// inodes, one block group and no free blocks. Files belong to root and
// have the mode 0644, directories 0755. All times are 0, so that the same
// input gives the same bytes.
//
// It is plain because Xen's patched GRUB 0.97 rejects 64bit and huge_file, and stock
// 0.97 rejects inodes of 256 bytes. See "The Second Extended Filesystem"
// (https://www.nongnu.org/ext2-doc/ext2.html) for the format.
//
// A file system has at most [MaxSize] bytes, and no symbolic links, device files or
// empty directories except lost+found.
package ext2

import (
	"fmt"
	"io"
	"sort"
)

const (
	// BlockSize is the file system's block size in bytes: the largest that
	// ext2 has on x86, so that one block group holds the most.
	BlockSize = 4096

	// MaxSize is the size in bytes of the largest file system, 128 MiB: as
	// many blocks as the block bitmap of one group, itself a block, has bits.
	MaxSize = 8 * BlockSize * BlockSize
)

// A File is one regular file to be stored.
type File struct {
	Path string      // as in io/fs: slash-separated, unrooted, "boot/kernel"
	Data io.ReaderAt // the content, from offset 0; may be nil if Size is 0
	Size int64       // in bytes
}

// An FS is a finished file system. It never changes, and any number of
// goroutines may read it at once if the files' sources allow that.
type FS struct {
	head    []byte   // all metadata, from offset 0
	extents []extent // the files' contents after it, ascending
	size    int64
}

// An extent is the place of one file's content. It ends at the next extent or at the
// end of the file system; the part that the file doesn't fill is zeros.
type extent struct {
	start int64
	file  File
}

// New lays out a file system with the given files and the directories in their
// paths. The order of files has no influence on the result.
// The label, of at most 16 bytes, is the volume's name.
//
// It fails if a path is invalid, is used twice or has an element of more than 255
// bytes, or if the file system would be larger than [MaxSize].
func New(files []File, uuid [16]byte, label string) (*FS, error) {
	if len(label) > labelSize {
		return nil, fmt.Errorf("make file system: label %q has %d bytes; at most %d fit", label, len(label), labelSize)
	}
	root, err := newTree(files)
	if err != nil {
		return nil, fmt.Errorf("make file system: %w", err)
	}
	l, err := newLayout(root)
	if err != nil {
		return nil, fmt.Errorf("make file system: %w", err)
	}
	return &FS{head: l.encode(uuid, label), extents: l.extents(), size: int64(l.blocks) * BlockSize}, nil
}

// Size returns the size of the file system in bytes, a multiple of BlockSize.
func (f *FS) Size() int64 { return f.size }

// Extent returns the offset and length in bytes of a file's content, and whether
// there is such a file. A file is never in more than one piece.
func (f *FS) Extent(path string) (offset, length int64, ok bool) {
	for _, e := range f.extents {
		if e.file.Path == path {
			return e.start, e.file.Size, true
		}
	}
	return 0, 0, false
}

// ReadAt implements [io.ReaderAt]. A source that ends before its file's size
// gives an error that wraps io.ErrUnexpectedEOF.
func (f *FS) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read file system: negative offset %d", off)
	}
	done := 0
	for done < len(p) && off < f.size {
		n, err := f.readPart(p[done:], off)
		done += n
		off += int64(n)
		if err != nil {
			return done, err
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// readPart reads from the metadata or the extent that holds off, up to its
// end. It fills all that it can of p, and at least one byte, or fails.
func (f *FS) readPart(p []byte, off int64) (int, error) {
	if off < int64(len(f.head)) {
		return copy(p, f.head[off:]), nil
	}
	next := sort.Search(len(f.extents), func(i int) bool { return f.extents[i].start > off })
	end := f.size
	if next < len(f.extents) {
		end = f.extents[next].start
	}
	p = p[:min(int64(len(p)), end-off)]
	return f.extents[next-1].readAt(p, off)
}

// readAt fills p, which ends within the extent, from off, an offset in the
// file system.
func (e extent) readAt(p []byte, off int64) (int, error) {
	within := off - e.start
	content := max(0, min(int64(len(p)), e.file.Size-within))
	clear(p[content:])
	if content == 0 {
		return len(p), nil
	}
	n, err := e.file.Data.ReadAt(p[:content], within)
	if int64(n) == content {
		return len(p), nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, fmt.Errorf("read %s at byte %d of %d: %w", e.file.Path, within+int64(n), e.file.Size, err)
}
