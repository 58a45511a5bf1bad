package image

import (
	"bytes"
	"encoding/binary"
	"io"
)

// blob is a run of untrusted bytes. A read beyond its end fails without an error,
// as the image is at fault; the error of a read that fails inside it (a broken
// disk, a file that shrank) is kept in err.
type blob struct {
	r    io.ReaderAt
	size uint64
	err  error

	// ended returns why reading has ended, such as the error of a context; it
	// may be nil.
	ended func() error
}

func newBlob(r *io.SectionReader) *blob {
	return &blob{r: r, size: uint64(r.Size())}
}

// sub returns length bytes at off as a blob, and whether b holds them all.
func (b *blob) sub(off, length uint64) (*blob, bool) {
	if !b.holds(off, length) {
		return nil, false
	}
	return newBlob(io.NewSectionReader(b, int64(off), int64(length))), true
}

// reader returns a reader of the blob from its start.
func (b *blob) reader() io.Reader {
	return io.NewSectionReader(b, 0, int64(b.size))
}

// holds reports whether the blob holds length bytes at off.
func (b *blob) holds(off, length uint64) bool {
	return off <= b.size && length <= b.size-off
}

// ReadAt implements [io.ReaderAt] and keeps the first error.
func (b *blob) ReadAt(p []byte, off int64) (int, error) {
	if b.ended != nil {
		if err := b.ended(); err != nil {
			b.err = err
			return 0, err
		}
	}
	n, err := b.r.ReadAt(p, off)
	if n < len(p) && b.holds(uint64(off), uint64(len(p))) && b.err == nil {
		b.err = err
		if err == io.EOF {
			b.err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// bytes reads length bytes at off.
func (b *blob) bytes(off, length uint64) ([]byte, bool) {
	if !b.holds(off, length) {
		return nil, false
	}
	p := make([]byte, length)
	n, _ := b.ReadAt(p, int64(off))
	return p, n == len(p)
}

// hasAt reports whether the bytes at off are text.
func (b *blob) hasAt(off uint64, text string) bool {
	p, ok := b.bytes(off, uint64(len(text)))
	return ok && string(p) == text
}

// cstring reads the string at off up to its NUL, which must be within limit bytes
// and before the end.
func (b *blob) cstring(off, limit uint64) (string, bool) {
	if off >= b.size {
		return "", false
	}
	p, ok := b.bytes(off, min(limit, b.size-off))
	end := bytes.IndexByte(p, 0)
	if !ok || end < 0 {
		return "", false
	}
	return string(p[:end]), true
}

// uint reads a little-endian integer of 1, 2, 4 or 8 bytes at off. Like libelf, it
// returns 0 for any other size, and outside the blob.
func (b *blob) uint(off, length uint64) uint64 {
	switch length {
	case 1, 2, 4, 8:
		var wide [8]byte
		p, _ := b.bytes(off, length)
		copy(wide[:], p)
		return binary.LittleEndian.Uint64(wide[:])
	}
	return 0
}

// decode reads a wire structure at off.
func decode[T any](b *blob, off uint64) (v T, ok bool) {
	p, ok := b.bytes(off, uint64(binary.Size(v)))
	if !ok {
		return v, false
	}
	_, err := binary.Decode(p, binary.LittleEndian, &v)
	return v, err == nil
}

// blobOf returns a blob of bytes in memory.
func blobOf(p []byte) *blob {
	return &blob{r: bytes.NewReader(p), size: uint64(len(p))}
}
