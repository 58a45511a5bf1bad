package image

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// MaxKernelSize is the largest kernel that is read, in bytes of the unpacked
// ELF or bzImage: 1 GiB, the limit that Xen's own tools set for one
// (XC_DOM_DECOMPRESS_MAX in libxenguest).
const MaxKernelSize = 1 << 30

// OpenOptions say how to open an image. Their zero value is what [Open] uses.
type OpenOptions struct {
	// Member is the path of the kernel in a tar or zip archive. Empty takes the
	// only kernel that there is.
	Member string
	// MaxSize is the largest size in bytes of a kernel, of an archive that
	// is unpacked, and of all that is taken from an archive to look at. 0 means
	// [MaxKernelSize].
	MaxSize int64
	// Progress is told how far unpacking is.
	Progress Progress
}

// Image is an inspected image, held open. Close it after use.
type Image struct {
	ctx     context.Context // ends the inspection; what is open afterwards is read without it
	path    string
	options OpenOptions
	facts   *Facts
	kernel  *io.SectionReader
	elf     *io.SectionReader // the ELF in a bzImage, or the kernel itself
	raw     *io.SectionReader // the file, decompressed, if it is no kernel
	open    []io.Closer
	blobs   []*blob // all that is read, for the errors they keep
}

// Open opens, unpacks and inspects the image at path. An error means that it
// could not be read; whether PV-GRUB can start it is in its report. A folder,
// device, FIFO or socket and an empty file are errors, and so is it when ctx is
// done before the inspection is: unpacking ends within a few milliseconds.
func Open(ctx context.Context, path string) (*Image, error) {
	return OpenWith(ctx, path, OpenOptions{})
}

// OpenWith is [Open] with options.
func OpenWith(ctx context.Context, path string, options OpenOptions) (*Image, error) {
	if options.MaxSize < 0 {
		return nil, fmt.Errorf("open image %s: MaxSize is %d bytes: give a positive number, or 0 for %d", path, options.MaxSize, MaxKernelSize)
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

// Inspect reads the image of size bytes from r: an ELF or a bzImage, or one of
// these as a whole packed with gzip, bzip2, xz, lzma, lzo, lz4 or zstd, or a tar
// (packed, or not) or zip archive with one of these in it. An error means that it
// could not be read, that size is 0, or that ctx is done; what is wrong with the
// image itself is in the report.
func Inspect(ctx context.Context, r io.ReaderAt, size int64) (*Facts, error) {
	im := &Image{ctx: ctx}
	if err := im.inspect(io.NewSectionReader(r, 0, size)); err != nil {
		return nil, errors.Join(fmt.Errorf("read image: %w", err), im.Close())
	}
	return im.facts, im.Close()
}

// Facts returns what is known about the image.
func (im *Image) Facts() *Facts { return im.facts }

// Path is the path that the image was opened by.
func (im *Image) Path() string { return im.path }

// Kernel returns the ELF or the bzImage, without the archive and the compression
// of the file as a whole. It is empty if the file could not be decompressed.
func (im *Image) Kernel() *io.SectionReader { return fresh(im.kernel) }

// ELF returns the ELF: the kernel, or what a bzImage has as its payload. It is
// empty if there is none.
func (im *Image) ELF() *io.SectionReader { return fresh(im.elf) }

// fresh returns a reader of the same bytes with a position of its own.
func fresh(r *io.SectionReader) *io.SectionReader { return io.NewSectionReader(r, 0, r.Size()) }

// maxSize is the limit of the options in bytes.
func (im *Image) maxSize() int64 {
	if im.options.MaxSize == 0 {
		return MaxKernelSize
	}
	return im.options.MaxSize
}

// Close closes the file and removes what was unpacked from it.
func (im *Image) Close() error {
	var errs []error
	for _, c := range im.open {
		errs = append(errs, c.Close())
	}
	im.open = nil
	return errors.Join(errs...)
}
