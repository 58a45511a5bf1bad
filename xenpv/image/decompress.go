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

// How much memory unpacking takes, in bytes: as much of the packer's dictionary
// as the unpacked image fills.
const (
	// smallDictionary is allowed for an image of any size. gzip, bzip2, lzo and lz4
	// need less, and so do xz, lzma and zstd up to level 8 of xz and 19 of zstd.
	smallDictionary = 32 << 20
	// largeDictionary is allowed for a small image: the highest levels ask for
	// it whatever the size is, "xz -9" for 64 MiB, "zstd -22" for 128 MiB.
	largeDictionary = 128 << 20
	// smallImage is more than any unikernel has, and keeps memory below 64 MiB.
	smallImage = 48 << 20
	// smallPayload is the same for a bzImage, as Linux's own build packs with
	// zstd -22 and distributions' kernels unpack to about 70 MiB.
	smallPayload = 96 << 20
)

// copySize is the size of buffers, in bytes: large enough that system calls
// don't count.
const copySize = 256 << 10

// unpack unpacks into a private temporary file that goes away with the image.
// An image that asks for a large dictionary may have smallSize bytes. The error
// is a [Finding] where the packed data is at fault.
func (im *Image) unpack(packed *blob, p *packing, smallSize int64) (*blob, error) {
	temp, err := im.newTempFile()
	if err != nil {
		return nil, err
	}
	size, err := p.unpackTo(im.ctx, temp, im.watched(packed), smallDictionary, im.maxSize())
	if wantsLarger(err) {
		size, err = p.unpackTo(im.ctx, temp, im.watched(packed), largeDictionary, min(smallSize, im.maxSize()))
	}
	if bad, ok := errors.AsType[unpackError](err); ok {
		err = p.damaged(bad.error)
	}
	return im.newBlob(io.NewSectionReader(temp, 0, size)), err
}

// watched reads packed data from its start, and reports it.
func (im *Image) watched(packed *blob) io.Reader {
	return im.options.Progress.Reader("unpack image", packed.reader(), int64(packed.size))
}

// newTempFile makes a temporary file that goes away with the image.
func (im *Image) newTempFile() (*files.Temp, error) {
	temp, err := files.NewTemp()
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	im.open = append(im.open, temp)
	return temp, nil
}

// unpackError is a fault of the packed data, not of reading or writing.
type unpackError struct{ error }

func (e unpackError) Unwrap() error { return e.error }

// unpackTo writes what packed unpacks to from the start of out on, and returns
// its size in bytes.
func (p *packing) unpackTo(ctx context.Context, out io.WriterAt, packed io.Reader, dictionary int, limit int64) (size int64, err error) {
	r, err := p.reader(bufio.NewReaderSize(packed, copySize), dictionary)
	if err != nil {
		return 0, unpackError{err}
	}
	if c, ok := r.(interface{ Close() }); ok {
		defer c.Close() // zstd's, which holds on to its buffers until then
	}
	return spool(ctx, out, r, limit, func() error { return tooLarge(dictionary, limit) })
}

// spool writes what r has from the start of out on, and returns its size in
// bytes. Where that is more than limit it ends with the error tooMuch, and with
// the context's once that is done.
func spool(ctx context.Context, out io.WriterAt, r io.Reader, limit int64, tooMuch func() error) (size int64, err error) {
	buf := make([]byte, copySize)
	for {
		if err := ctx.Err(); err != nil {
			return size, err
		}
		n, readErr := r.Read(buf)
		if size+int64(n) > limit {
			return size, unpackError{tooMuch()}
		}
		if _, err := out.WriteAt(buf[:n], size); err != nil {
			return size, fmt.Errorf("unpack: %w", files.OutputError(err, files.TempPlace))
		}
		size += int64(n)
		if readErr == io.EOF {
			return size, nil
		}
		if readErr != nil {
			return size, unpackError{readErr}
		}
	}
}

func tooLarge(dictionary int, limit int64) Finding {
	if dictionary > smallDictionary {
		return Findingf("too-large", "the image is packed with a dictionary of more than %d MiB and unpacks to more than %d bytes, which takes too much memory: pack it again, with xz -6 or gzip", smallDictionary>>20, limit)
	}
	return Findingf("too-large", "the image unpacks to more than %d bytes, the limit: give a smaller one", limit)
}

// damaged is the finding for packed data that could not be unpacked.
func (p *packing) damaged(err error) error {
	if fault, ok := errors.AsType[Finding](err); ok {
		return fault
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return Findingf("truncated", "the image's %s data ends too early: fetch or build the image again", p.name)
	}
	return Findingf("corrupt", "the image's %s data is damaged (%v): fetch or build the image again", p.name, err)
}

// packing is a way to compress one file.
type packing struct {
	name   string
	magics []string
	reader func(r *bufio.Reader, dictionary int) (io.Reader, error)
}

// packings are all that can be unpacked, by the bytes they begin with. lz4 has
// two forms, of which the first is the one that Linux uses.
var packings = []packing{
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

// wantsLarger says whether a reader stopped because the packed data asks for a
// larger dictionary.
func wantsLarger(err error) bool {
	_, lzmaWants := errors.AsType[*lzma.ErrDictSize](err)
	return lzmaWants || errors.Is(err, xz.ErrMemlimit) || errors.Is(err, zstd.ErrWindowSizeExceeded)
}

// packingOf finds out how b is packed; nil where it isn't.
func packingOf(b *blob) *packing {
	for i, p := range packings {
		for _, magic := range p.magics {
			if b.hasAt(0, magic) {
				return &packings[i]
			}
		}
	}
	return nil
}

// What the gzip reader ends with where data follows the first member, though
// all of it could be unpacked.
var (
	errGzipMembers = Findingf("gzip-members",
		"the file has several gzip members, and PV-GRUB reads one: unpack it and pack it again with gzip")
	errGzipTrailing = Findingf("gzip-trailing",
		"bytes follow the gzip data, and PV-GRUB takes them for a damaged kernel: unpack the file and pack it again with gzip")
)

func hasGzipExtra(err error) bool {
	return errors.Is(err, errGzipMembers) || errors.Is(err, errGzipTrailing)
}

// gzipMembers reads the members of a gzip file one after the other. Where there
// is more than one, or something else follows, it ends with an error: GRUB's
// gunzip reads one member and takes the rest for a damaged kernel.
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
