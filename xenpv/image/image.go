// Package image reads images of Xen kernels and returns facts about them. It
// doesn't decide what boots: that is for package boot.
//
// [Open] opens, decompresses and inspects an image and keeps it open, so that its
// kernel can be put on a disk. [Inspect] only returns the [Facts].
//
// A kernel is an ELF or a Linux bzImage, plain or compressed with gzip, bzip2, xz,
// lzma, lzo, lz4 or zstd, or one of these in a tar, a compressed tar or a zip
// archive: the only Xen kernel in it, or the member in [OpenOptions]. Members are
// recognized by their content, and are never extracted under their own names.
// Xen's notes are read from where libelf reads them: PT_NOTE segments, then
// SHT_NOTE sections, then the legacy section __xen_guest, which is all that most
// unikernels have. A file that is not a kernel is named by its content.
//
// No size, offset or count in a file is trusted. A kernel has at most
// [MaxKernelSize] bytes, or the limit in [OpenOptions]. Reading streams: it takes
// a few hundred KiB of memory, and decompression the dictionary (see
// decompress.go). Decompressed data is in a private temporary file.
package image

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// MaxKernelSize is the size in bytes of the largest kernel, as a decompressed ELF
// or bzImage: 1 GiB, the limit of Xen's own tools (XC_DOM_DECOMPRESS_MAX in
// libxenguest).
const MaxKernelSize = 1 << 30

// OpenOptions are the options of [OpenWith]. [Open] uses the zero value.
type OpenOptions struct {
	// Member is the path of the kernel in a tar or zip archive. If empty, the
	// archive must have only one kernel.
	Member string
	// MaxSize is the largest size in bytes of a kernel, of a decompressed
	// archive, and of all that is extracted from an archive for inspection. 0
	// means [MaxKernelSize].
	MaxSize int64
	// Progress is called during decompression.
	Progress Progress
}

// An Image is an inspected image that is open. Close it after use.
type Image struct {
	ctx     context.Context // of the inspection; the open image is read without it
	path    string
	options OpenOptions
	facts   *Facts
	kernel  *io.SectionReader
	elf     *io.SectionReader // the ELF in a bzImage, or the kernel itself
	raw     *io.SectionReader // the file, decompressed, if it is no kernel
	open    []io.Closer
	blobs   []*blob // everything that is read, for the errors that they keep
}

// Open opens, decompresses and inspects the image at path. An error means that it
// could not be read; what is wrong with the image itself is in its facts. It is an
// error if path is a directory, device, FIFO or socket, or an empty file, or if ctx
// is done before the inspection: decompression then ends within a few
// milliseconds.
func Open(ctx context.Context, path string) (*Image, error) {
	return OpenWith(ctx, path, OpenOptions{})
}

// OpenWith is [Open] with options.
func OpenWith(ctx context.Context, path string, options OpenOptions) (*Image, error) {
	if options.MaxSize < 0 {
		return nil, fmt.Errorf("open image %s: MaxSize is %d bytes: specify a positive number, or 0 for %d", path, options.MaxSize, MaxKernelSize)
	}
	file, size, err := files.OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	im := &Image{ctx: ctx, path: path, options: options, open: []io.Closer{file}}
	if err := im.inspect(io.NewSectionReader(file, 0, size)); err != nil {
		return nil, errors.Join(fmt.Errorf("read image %s: %w", path, err), im.Close())
	}
	return im, nil
}

// Inspect reads the image of size bytes from r. An error means that it could not
// be read, that size is 0, or that ctx is done; what is wrong with the image itself
// is in the facts.
func Inspect(ctx context.Context, r io.ReaderAt, size int64) (*Facts, error) {
	im := &Image{ctx: ctx}
	if err := im.inspect(io.NewSectionReader(r, 0, size)); err != nil {
		return nil, errors.Join(fmt.Errorf("read image: %w", err), im.Close())
	}
	return im.facts, im.Close()
}

// Facts returns what is known about the image.
func (im *Image) Facts() *Facts { return im.facts }

// Path returns the path that the image was opened with.
func (im *Image) Path() string { return im.path }

// Kernel returns the ELF or the bzImage, without the archive and the compression
// of the file as a whole. It is empty if the file could not be decompressed.
func (im *Image) Kernel() *io.SectionReader { return fresh(im.kernel) }

// ELF returns the ELF: the kernel, or what a bzImage has as its payload. It is
// empty if there is none.
func (im *Image) ELF() *io.SectionReader { return fresh(im.elf) }

// fresh returns a reader of the same bytes with a position of its own.
func fresh(r *io.SectionReader) *io.SectionReader { return io.NewSectionReader(r, 0, r.Size()) }

// maxSize returns the limit in bytes.
func (im *Image) maxSize() int64 {
	if im.options.MaxSize == 0 {
		return MaxKernelSize
	}
	return im.options.MaxSize
}

// Close closes the file and removes its temporary files.
func (im *Image) Close() error {
	var errs []error
	for _, c := range im.open {
		errs = append(errs, c.Close())
	}
	im.open = nil
	return errors.Join(errs...)
}
