package image

import (
	"bufio"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// The memory that decompression takes, in bytes: as much of the dictionary as the
// decompressed image fills.
const (
	// smallDictionary is allowed for an image of any size. gzip, bzip2, lzo and
	// lz4 need less, as do xz and lzma up to level 8 and zstd up to level 19.
	smallDictionary = 32 << 20
	// largeDictionary is allowed for a small image. The highest levels require
	// it for any size: "xz -9" 64 MiB, "zstd -22" 128 MiB.
	largeDictionary = 128 << 20
	// smallImage is more than any unikernel needs, and keeps memory below 64 MiB.
	smallImage = 48 << 20
	// smallPayload is the same for a bzImage. Linux's own build compresses with
	// zstd -22, and kernels of distributions decompress to about 70 MiB.
	smallPayload = 96 << 20
)

// copySize is the size of buffers in bytes, large enough that the cost of system
// calls doesn't matter.
const copySize = 256 << 10

// decompress writes into a private temporary file that is removed with the image.
// An image that requires a large dictionary may have smallSize bytes. The error is
// a [Finding] if the compressed data is at fault.
func (im *Image) decompress(compressed *blob, p *compression, smallSize int64) (*blob, error) {
	temp, err := im.newTempFile()
	if err != nil {
		return nil, err
	}
	size, err := p.decompressTo(im.ctx, temp, im.watched(compressed), smallDictionary, im.maxSize())
	if wantsLarger(err) {
		size, err = p.decompressTo(im.ctx, temp, im.watched(compressed), largeDictionary, min(smallSize, im.maxSize()))
	}
	if bad, ok := errors.AsType[dataError](err); ok {
		err = p.damaged(bad.error)
	}
	return im.newBlob(io.NewSectionReader(temp, 0, size)), err
}

// watched returns a reader of compressed data that reports its progress.
func (im *Image) watched(compressed *blob) io.Reader {
	return im.options.Progress.Reader("decompress image", compressed.reader(), int64(compressed.size))
}

// newTempFile makes a temporary file that is removed with the image.
func (im *Image) newTempFile() (*files.Temp, error) {
	temp, err := files.NewTemp()
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	im.open = append(im.open, temp)
	return temp, nil
}

// dataError is a fault of the compressed data, not of reading or writing.
type dataError struct{ error }

func (e dataError) Unwrap() error { return e.error }

// decompressTo writes the decompressed data to the start of out, and returns its
// size in bytes.
func (p *compression) decompressTo(ctx context.Context, out io.WriterAt, compressed io.Reader, dictionary int, limit int64) (size int64, err error) {
	r, err := p.reader(bufio.NewReaderSize(compressed, copySize), dictionary)
	if err != nil {
		return 0, dataError{err}
	}
	if c, ok := r.(interface{ Close() }); ok {
		defer c.Close() // zstd's, which keeps its buffers until then
	}
	return spool(ctx, out, r, limit, func() error { return tooLarge(dictionary, limit) })
}

// spool copies r to the start of out, and returns the size in bytes. If that is
// more than limit, it fails with the error of tooMuch. It ends when ctx is done.
func spool(ctx context.Context, out io.WriterAt, r io.Reader, limit int64, tooMuch func() error) (size int64, err error) {
	buf := make([]byte, copySize)
	for {
		if err := ctx.Err(); err != nil {
			return size, err
		}
		n, readErr := r.Read(buf)
		if size+int64(n) > limit {
			return size, dataError{tooMuch()}
		}
		if _, err := out.WriteAt(buf[:n], size); err != nil {
			return size, fmt.Errorf("decompress: %w", files.OutputError(err, files.MoveTemp))
		}
		size += int64(n)
		if readErr == io.EOF {
			return size, nil
		}
		if readErr != nil {
			return size, dataError{readErr}
		}
	}
}

func tooLarge(dictionary int, limit int64) Finding {
	if dictionary > smallDictionary {
		return Findingf("too-large", "the image is compressed with a dictionary of more than %d MiB and decompresses to more than %d bytes, which takes too much memory: compress it with xz -6 or gzip", smallDictionary>>20, limit)
	}
	return Findingf("too-large", "the image decompresses to more than %d bytes, the limit: specify a smaller one", limit)
}

// damaged returns the finding for data that could not be decompressed.
func (p *compression) damaged(err error) error {
	if fault, ok := errors.AsType[Finding](err); ok {
		return fault
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return Findingf("truncated", "the image's %s data is truncated: download or build the image again", p.name)
	}
	return Findingf("corrupt", "the image's %s data is damaged (%v): download or build the image again", p.name, err)
}

// compression is a way to compress one file.
type compression struct {
	name   string
	magics []string
	reader func(r *bufio.Reader, dictionary int) (io.Reader, error)
}

// compressions are the supported ones, by the bytes that they start with. lz4 has
// two forms, of which the first is the one that Linux uses.
var compressions = []compression{
	{"gzip", []string{"\x1f\x8b"}, gzipReader},
	{"bzip2", []string{"BZh"}, bzip2Reader},
	{"xz", []string{"\xfd7zXZ\x00"}, xzReader},
	{"lzma", []string{"\x5d\x00\x00"}, lzmaReader},
	{"lzo", []string{lzopMagic}, lzopReader},
	{"lz4", []string{"\x02\x21\x4c\x18", "\x04\x22\x4d\x18"}, lz4Reader},
	{"zstd", []string{"\x28\xb5\x2f\xfd"}, zstdReader},
}

func bzip2Reader(r *bufio.Reader, _ int) (io.Reader, error) { return bzip2.NewReader(r), nil }

func xzReader(r *bufio.Reader, dictionary int) (io.Reader, error) {
	return xz.NewReader(r, uint32(dictionary))
}

func lzmaReader(r *bufio.Reader, dictionary int) (io.Reader, error) {
	return lzma.ReaderConfig{DictCap: dictionary}.NewReader(r)
}

func zstdReader(r *bufio.Reader, dictionary int) (io.Reader, error) {
	// One goroutine and small buffers: memory matters more than speed here.
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(dictionary)))
}

// wantsLarger reports whether a reader stopped because the compressed data
// requires a larger dictionary.
func wantsLarger(err error) bool {
	_, lzmaWants := errors.AsType[*lzma.ErrDictSize](err)
	return lzmaWants || errors.Is(err, xz.ErrMemlimit) || errors.Is(err, zstd.ErrWindowSizeExceeded)
}

// compressionOf returns the compression of b; nil if there is none.
func compressionOf(b *blob) *compression {
	for i, p := range compressions {
		for _, magic := range p.magics {
			if b.hasAt(0, magic) {
				return &compressions[i]
			}
		}
	}
	return nil
}

// The gzip reader ends with one of these if data follows the first member, although
// all of it could be decompressed.
var (
	errGzipMembers = Findingf("gzip-members",
		"the file has several gzip members, and PV-GRUB reads only one: decompress it and compress it again with gzip")
	errGzipTrailing = Findingf("gzip-trailing",
		"bytes follow the gzip data, and PV-GRUB treats that as a damaged kernel: decompress the file and compress it again with gzip")
)

func hasGzipExtra(err error) bool {
	return errors.Is(err, errGzipMembers) || errors.Is(err, errGzipTrailing)
}

// gzipMembers reads the members of a gzip file in order. If there is more than one,
// or something else follows, it ends with an error: GRUB's gunzip reads one member
// and treats the rest as a damaged kernel.
type gzipMembers struct {
	in     *bufio.Reader
	member *gzip.Reader
	extra  error
}

func gzipReader(in *bufio.Reader, _ int) (io.Reader, error) {
	member, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	member.Multistream(false)
	return &gzipMembers{in, member, io.EOF}, nil
}

func (g *gzipMembers) Read(p []byte) (int, error) {
	n, err := g.member.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if _, err := g.in.Peek(1); err != nil {
		return n, g.extra
	}
	if g.member.Reset(g.in) != nil {
		return n, errGzipTrailing
	}
	g.member.Multistream(false)
	g.extra = errGzipMembers
	return n, nil
}
