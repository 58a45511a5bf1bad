package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// Compress is the way to store the kernel on a disk. PV-GRUB starts only ELF kernels
// that are plain or gzip-compressed. A bzImage decompresses itself: it is always
// stored as it is.
type Compress string

// The ways to store a kernel.
const (
	CompressAuto Compress = "auto" // as gzip if that is smaller
	CompressGzip Compress = "gzip" // always as gzip
	CompressNone Compress = "none" // always plain
)

func (c Compress) check() error {
	switch c {
	case CompressAuto, CompressGzip, CompressNone:
		return nil
	}
	return fmt.Errorf("compress %q is unknown: specify %q, %q or %q", string(c), CompressAuto, CompressGzip, CompressNone)
}

// compressKernel compresses the kernel if the options require it.
func (c *Content) compressKernel(ctx context.Context) error {
	if c.options.Compress == CompressNone || !c.elf {
		return nil
	}
	source := files.ContextReader(ctx, c.kernel)
	temp, size, err := gzipTemp(c.options.Progress.Reader("compress kernel", source, c.kernel.Size()))
	if err != nil {
		return fmt.Errorf("compress kernel: %w", err)
	}
	if c.options.Compress == CompressAuto && size >= c.kernel.Size() {
		return temp.Close()
	}
	c.temp, c.kernel = temp, io.NewSectionReader(temp, 0, size)
	return nil
}

// gzipTemp compresses the kernel into a temporary file, and returns its size in
// bytes.
func gzipTemp(kernel io.Reader) (*files.Temp, int64, error) {
	temp, err := files.NewTemp()
	if err != nil {
		return nil, 0, err
	}
	if err := gzipTo(temp, kernel); err != nil {
		return nil, 0, errors.Join(files.OutputError(err, files.MoveTemp), temp.Close())
	}
	info, err := temp.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, temp.Close())
	}
	return temp, info.Size(), nil
}

// gzipTo writes one gzip member, because GRUB decompresses only one. Its header has no
// name and no time: the same kernel gives the same bytes.
func gzipTo(w io.Writer, kernel io.Reader) error {
	zw, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	zw.ModTime = time.Unix(0, 0) // no time, in this format
	if _, err := io.Copy(zw, kernel); err != nil {
		return err
	}
	return zw.Close()
}
