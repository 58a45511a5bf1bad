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

// archive yields an archive's members one after the other, and io.EOF behind
// the last. What a member holds can be read until the next one is asked for.
type archive interface {
	next() (*member, error)
}

// member is a file, folder or link in an archive.
type member struct {
	name  string
	mode  fs.FileMode // its type; a hard link counts as fs.ModeSymlink
	link  string      // where a link leads to, if the archive's headers say it
	fault error       // why the content can't be read, as an encrypted one
	open  func() (io.Reader, error)
}

// archiveFormat tells archives by their content: "tar", "zip", or "" for what
// is none.
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

// isTar looks for the magic of POSIX and GNU tar, or, as older ones have none,
// for the first header's checksum: the sum of its bytes, with blanks in the
// place of the checksum itself.
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

// openArchive starts to read an archive.
func openArchive(b *blob, format string) (archive, error) {
	if format == "tar" {
		return tarArchive{tar.NewReader(b.reader())}, nil
	}
	r := &firstBytes{r: b, left: maxZipDirectory}
	z, err := zip.NewReader(r, int64(b.size))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	r.left = math.MaxInt64 // the rest is read by the stream
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
		m.fault = Findingf("archive-encrypted", "the zip's member %q is encrypted: unpack it yourself, and give the kernel", f.Name)
	case f.Method != zip.Store && f.Method != zip.Deflate:
		m.fault = Findingf("archive-method", "the zip's member %q is packed by method %d, and methods 0 and 8 (stored, deflated) can be read: unpack it yourself, and give the kernel", f.Name, f.Method)
	}
	return m, nil
}

// maxZipDirectory is how many bytes of a zip's directory are read, 4 MiB: room
// for about 40,000 members, whose list then takes about 30 MB of memory.
const maxZipDirectory = 4 << 20

var errZipDirectory = Findingf("archive-large", "the zip has a directory of more than %d MiB: unpack it yourself, and give the kernel", maxZipDirectory>>20)

// firstBytes reads as many bytes as it is allowed to, so that a directory of
// any claimed size can't fill memory.
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

// leaves says whether a member's path would lead out of the folder that the
// archive is unpacked in, on any system.
func leaves(name string) bool {
	clean := path.Clean(strings.ReplaceAll(name, `\`, "/"))
	drive := len(clean) > 1 && clean[1] == ':'
	return drive || path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../")
}

// archiveFault is the finding for an archive that can't be read.
func archiveFault(format string, err error) error {
	if fault, ok := errors.AsType[Finding](err); ok {
		return fault
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return Findingf("truncated", "the %s archive ends too early: fetch or build it again", format)
	}
	return Findingf("archive-damaged", "the %s archive is damaged (%v): fetch or build it again", format, err)
}
