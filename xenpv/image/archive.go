package image

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// archive returns the members of an archive in order, then io.EOF. A member's
// content can be read until the next call.
type archive interface {
	next() (*member, error)
}

// member is a file, directory or link in an archive.
type member struct {
	name  string
	mode  fs.FileMode // the type; a hard link has fs.ModeSymlink
	link  string      // the target of a link, if the archive's headers have it
	fault error       // why the content can't be read, for example because it is encrypted
	open  func() (io.Reader, error)
}

// archiveFormat recognizes an archive by its content: "tar", "zip", or "" if it
// is not an archive.
func archiveFormat(b *blob) string {
	switch {
	case b.hasAt(0, elf.ELFMAG) || isBzImage(b):
		return ""
	case b.hasAt(0, "PK\x03\x04") || b.hasAt(0, "PK\x05\x06"):
		return "zip"
	case isTar(b):
		return "tar"
	}
	return ""
}

// isTar looks for the magic of POSIX and GNU tar. Older archives have none; for
// those it verifies the checksum of the first header: the sum of its bytes, with
// spaces in place of the checksum itself.
func isTar(b *blob) bool {
	const sumAt, sumEnd = 148, 156
	head, ok := b.bytes(0, 512)
	if !ok {
		return false
	}
	text := string(bytes.Trim(head[sumAt:sumEnd], " \x00"))
	want, err := strconv.ParseUint(text, 8, 32)
	sum := uint64(sumEnd-sumAt) * ' '
	for i, c := range head {
		if i < sumAt || i >= sumEnd {
			sum += uint64(c)
		}
	}
	return b.hasAt(257, "ustar") || err == nil && sum == want
}

// openArchive opens an archive for reading.
func openArchive(b *blob, format string) (archive, error) {
	if format == "tar" {
		return tarArchive{tar.NewReader(b.reader())}, nil
	}
	r := &firstBytes{r: b, left: maxZipDirectory}
	z, err := zip.NewReader(r, int64(b.size))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	r.left = math.MaxInt64 // the stream reads the rest
	return &zipArchive{files: z.File}, nil
}

type tarArchive struct{ r *tar.Reader }

func (t tarArchive) next() (*member, error) {
	h, err := t.r.Next()
	if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
		return nil, err
	}
	m := &member{name: h.Name, link: h.Linkname, open: func() (io.Reader, error) { return t.r, nil }}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
	case tar.TypeLink, tar.TypeSymlink:
		m.mode = fs.ModeSymlink
	case tar.TypeDir:
		m.mode = fs.ModeDir
	default:
		m.mode = fs.ModeIrregular
	}
	return m, nil
}

type zipArchive struct{ files []*zip.File }

func (z *zipArchive) next() (*member, error) {
	if len(z.files) == 0 {
		return nil, io.EOF
	}
	f := z.files[0]
	z.files = z.files[1:]
	m := &member{name: f.Name, mode: f.Mode().Type(), open: func() (io.Reader, error) { return f.Open() }}
	const encrypted = 1 // bit 0 of the general purpose flags (APPNOTE.TXT 4.4.4)
	switch {
	case f.Flags&encrypted != 0:
		m.fault = Findingf("archive-encrypted", "member %q of the zip archive is encrypted: extract the kernel and specify that file", f.Name)
	case f.Method != zip.Store && f.Method != zip.Deflate:
		m.fault = Findingf("archive-method", "member %q of the zip archive is compressed with method %d; only methods 0 and 8 (stored and deflated) are supported: extract the kernel and specify that file", f.Name, f.Method)
	}
	return m, nil
}

// maxZipDirectory is the most bytes of a zip directory that are read, 4 MiB. That
// is room for about 40,000 members, whose list takes about 30 MB of memory.
const maxZipDirectory = 4 << 20

var errZipDirectory = Findingf("archive-large", "the directory of the zip archive is larger than %d MiB: extract the kernel and specify that file", maxZipDirectory>>20)

// firstBytes reads a limited number of bytes, so that a directory of any claimed
// size can't fill memory.
type firstBytes struct {
	r    io.ReaderAt
	left int64
}

func (f *firstBytes) ReadAt(p []byte, off int64) (int, error) {
	if f.left -= int64(len(p)); f.left < 0 {
		return 0, errZipDirectory
	}
	return f.r.ReadAt(p, off)
}

// leaves reports whether a member's path would lead out of the directory that the
// archive is extracted to, on any system.
func leaves(name string) bool {
	clean := path.Clean(strings.ReplaceAll(name, `\`, "/"))
	drive := len(clean) > 1 && clean[1] == ':'
	return drive || path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../")
}

// archiveFault returns the finding for an archive that can't be read.
func archiveFault(format string, err error) error {
	if fault, ok := errors.AsType[Finding](err); ok {
		return fault
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return Findingf("truncated", "the %s archive is truncated: download or build it again", format)
	}
	return Findingf("archive-damaged", "the %s archive is damaged (%v): download or build it again", format, err)
}
