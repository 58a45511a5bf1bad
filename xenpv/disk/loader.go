package disk

import (
	"fmt"
	"io"
	"slices"
)

// The most bytes of boot code: up to the signature and table of an MBR, or the
// sector that a BIOS loads. ext2 leaves the first 1024 bytes of the disk free.
const (
	maxMBRCode    = mbrSignatureOffset
	maxSectorCode = sectorSize
)

// A Loader is a boot loader: code at the start of the disk, and a file. Both are
// made once the layout is known, as such a loader finds files by their sectors.
type Loader struct {
	// Path and Size are those of the loader's own file.
	Path string
	Size int64
	// Make returns the code and the file's content, of Size bytes. The code has
	// at most 512 bytes, on a partitioned disk 440.
	Make func(d *Disk) (code, content []byte, err error)
}

// An Extent is a run of bytes on a disk.
type Extent struct{ Offset, Length int64 }

// Extents returns the place of a file on the disk, nil if there is no such
// file. Each extent starts at a multiple of 4 KiB. The last one ends with
// the file.
func (d *Disk) Extents(path string) []Extent {
	offset, length, ok := d.fs.Extent(path)
	if !ok {
		return nil
	}
	return []Extent{{d.start() + offset, length}}
}

// lateContent is the content of the loader's file, once it is made.
type lateContent struct{ data []byte }

// ReadAt implements [io.ReaderAt].
func (c *lateContent) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(c.data)) {
		return 0, io.EOF
	}
	n := copy(p, c.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// addTo returns the files with the loader's own, if there is a loader.
func (l *Loader) addTo(files []File, content io.ReaderAt) []File {
	if l == nil {
		return files
	}
	return append(slices.Clone(files), File{Path: l.Path, Data: content, Size: l.Size})
}

// install makes the loader for the layout.
func (d *Disk) install(stage2 *lateContent) error {
	l := d.spec.Loader
	if l == nil {
		return nil
	}
	code, content, err := l.Make(d)
	if err != nil {
		return fmt.Errorf("make boot loader: %w", err)
	}
	limit := maxSectorCode
	if d.spec.Layout == LayoutPartitioned {
		limit = maxMBRCode
	}
	if len(code) > limit || int64(len(content)) != l.Size {
		return fmt.Errorf("make boot loader: it has %d bytes of code and a file of %d: at most %d and exactly %d fit", len(code), len(content), limit, l.Size)
	}
	stage2.data = content
	if d.head == nil {
		d.head = make([]byte, len(code))
	}
	copy(d.head, code)
	return nil
}
