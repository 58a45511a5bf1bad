package xenpv

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
	"github.com/ulikunitz/xz/lzma"
)

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
	errGzipMembers = finding("gzip-members",
		"the file has several gzip members, and PV-GRUB reads one: unpack it and pack it again with gzip")
	errGzipTrailing = finding("gzip-trailing",
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
