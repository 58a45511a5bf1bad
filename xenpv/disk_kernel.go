package xenpv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Compress says how a disk stores its kernel. PV-GRUB starts an ELF kernel that
// is plain or gzip-compressed, and no other. A bzImage unpacks itself: it is
// always stored as it is.
type Compress string

// The ways to store a kernel.
const (
	CompressAuto Compress = "auto" // as gzip where that is smaller
	CompressGzip Compress = "gzip" // always as gzip
	CompressNone Compress = "none" // always plain
)

func (c Compress) check() error {
	switch c {
	case CompressAuto, CompressGzip, CompressNone:
		return nil
	}
	return fmt.Errorf("compress %q is unknown: give %q, %q or %q", string(c), CompressAuto, CompressGzip, CompressNone)
}

// A storedKernel is the kernel as it lies on the disk.
type storedKernel struct {
	*io.SectionReader
	spool *tempFile // what is behind it; nil where it is the image itself
}

// storeKernel compresses the kernel, or doesn't, as the spec says.
func storeKernel(ctx context.Context, spec DiskSpec) (*storedKernel, error) {
	kernel, c := spec.Kernel.Kernel(), spec.Compress
	plain := &storedKernel{SectionReader: kernel}
	elf, err := isELF(kernel)
	if err != nil {
		return nil, fmt.Errorf("read kernel: %w", err)
	}
	if c == CompressNone || !elf {
		return plain, nil
	}
	source := contextReader{ctx, spec.Kernel.Kernel()}
	packed, err := gzipKernel(spec.Progress.reader("compress kernel", source, kernel.Size()))
	if err != nil {
		return nil, fmt.Errorf("compress kernel: %w", err)
	}
	if c == CompressAuto && packed.Size() >= plain.Size() {
		return plain, packed.Close()
	}
	return packed, nil
}

// isELF tells an ELF kernel from a bzImage.
func isELF(kernel io.ReaderAt) (bool, error) {
	const elfMagic = "\x7fELF"
	start := make([]byte, len(elfMagic))
	if _, err := kernel.ReadAt(start, 0); err != nil && err != io.EOF {
		return false, err
	}
	return string(start) == elfMagic, nil
}

// gzipKernel compresses the kernel into a temporary file.
func gzipKernel(kernel io.Reader) (*storedKernel, error) {
	spool, err := newTempFile()
	if err != nil {
		return nil, err
	}
	packed := &storedKernel{spool: spool}
	if err := gzipTo(spool, kernel); err != nil {
		return nil, errors.Join(outputFault(err, tempPlace), packed.Close())
	}
	info, err := spool.Stat()
	if err != nil {
		return nil, errors.Join(err, packed.Close())
	}
	packed.SectionReader = io.NewSectionReader(spool, 0, info.Size())
	return packed, nil
}

// gzipTo writes one gzip member, the only kind that GRUB unpacks, whose header
// has no name and no time: the same kernel gives the same bytes.
func gzipTo(w io.Writer, kernel io.Reader) error {
	zw, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	zw.ModTime = time.Unix(0, 0) // how the format says that there is none
	if _, err := io.Copy(zw, kernel); err != nil {
		return err
	}
	return zw.Close()
}

// Close removes the temporary file, where there is one.
func (k *storedKernel) Close() error {
	if k.spool == nil {
		return nil
	}
	return k.spool.Close()
}

// A contextReader reads until its context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
