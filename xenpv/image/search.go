package image

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const (
	// headSize is the number of bytes of a member that are read to recognize
	// it: up to the end of a bzImage's magic number.
	headSize = setupMagicAt + len(setupMagic)
	// maxNames is the number of members that an error lists, as more are hard to
	// read.
	maxNames = 10
	// maxCompressedHead is the number of bytes of a compressed member that are read
	// to decompress its head: more than the largest block of any format, that of
	// bzip2 with 900 kB.
	maxCompressedHead = 1 << 20
)

// search searches an archive for the kernel.
type search struct {
	im     *Image
	format string
	buf    *bufio.Reader
	left   int64           // bytes that may still be extracted
	xen    *archivedKernel // the last kernel with data for Xen
	other  *archivedKernel // the last kernel without
	xens   nameList
	others nameList
	hint   string // about the first member that is not a kernel, if it is recognized
}

// fromArchive extracts the only kernel of an archive, or the member in the options.
// Libraries and programs without data for Xen don't count if there is a kernel with
// such data.
func (im *Image) fromArchive(b *blob, format string) (*blob, error) {
	if want := im.options.Member; want != "" && leaves(want) {
		return nil, pathFault(want)
	}
	s := &search{im: im, format: format, left: im.maxSize(), buf: bufio.NewReaderSize(nil, maxCompressedHead)}
	if err := s.readAll(b); err != nil {
		return nil, err
	}
	found, err := s.choose()
	if err != nil {
		return nil, err
	}
	im.facts.Member = found.name
	if im.facts.Compression == "none" {
		im.facts.Compression = found.compression
	}
	if found.fault != nil && !hasGzipExtra(found.fault) {
		return nil, found.fault
	}
	im.facts.refuse(found.fault)
	return found.kernel, nil
}

// readAll reads the archive to its end, which verifies that it is complete.
func (s *search) readAll(b *blob) error {
	a, err := openArchive(b, s.format)
	if err != nil {
		return archiveFault(s.format, err)
	}
	for {
		m, err := a.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return archiveFault(s.format, err)
		}
		if leaves(m.name) {
			return pathFault(m.name)
		}
		if m.name == "" {
			return Findingf("archive-path", "the %s archive has a member without a name, which may be an attack: create the archive again", s.format)
		}
		if err := s.take(m); err != nil {
			return err
		}
	}
}

func pathFault(name string) error {
	return Findingf("archive-path", "member %q is outside the archive's directory, which may be an attack: create the archive again, with relative paths and without \"..\"", name)
}

// take inspects a member.
func (s *search) take(m *member) error {
	if want := s.im.options.Member; want != "" {
		if path.Clean(m.name) != path.Clean(want) {
			s.others.add(m.name)
			return nil
		}
		return s.takeNamed(m)
	}
	if !m.mode.IsRegular() {
		return nil
	}
	if m.fault != nil {
		return m.fault
	}
	content, err := m.open()
	if err != nil {
		return archiveFault(s.format, err)
	}
	s.buf.Reset(content)
	head, err := s.head()
	if err != nil {
		return archiveFault(s.format, err)
	}
	if head != nil && !isKernel(head) {
		s.hint = cmp.Or(s.hint, memberHint(m.name, head))
		return nil
	}
	return s.consider(m.name, s.buf)
}

// head returns the first bytes of the member in s.buf, decompressed; nil if that
// takes decompressing all of it.
func (s *search) head() (*blob, error) {
	first, err := s.buf.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	p := compressionOf(blobOf(first))
	if p == nil {
		return blobOf(first), nil
	}
	if first, err = s.buf.Peek(maxCompressedHead); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head, err := p.head(first)
	if wantsLarger(err) {
		return nil, nil
	}
	return head, nil // damaged data that isn't known to be a kernel doesn't matter
}

// takeNamed extracts the member in the options, whatever it is. If an archive has it
// twice, the later one counts, as in extracting the archive.
func (s *search) takeNamed(m *member) error {
	switch {
	case m.mode == fs.ModeSymlink:
		return Findingf("archive-link", "member %q is a link to %q: specify the file itself", m.name, m.link)
	case !m.mode.IsRegular():
		return Findingf("archive-member", "member %q is not a regular file: specify the kernel", m.name)
	case m.fault != nil:
		return m.fault
	}
	content, err := m.open()
	if err != nil {
		return archiveFault(s.format, err)
	}
	c, err := s.extract(m.name, content)
	if err != nil {
		return err
	}
	s.im.drop(s.xen)
	s.xen, s.xens = c, nameList{}
	s.xens.add(m.name)
	return nil
}

// consider extracts a member that may be a kernel, and drops it if it isn't one.
func (s *search) consider(name string, content io.Reader) error {
	c, err := s.extract(name, content)
	if err != nil {
		return err
	}
	switch {
	case !isKernel(c.kernel):
		s.im.drop(c)
	case hasXenData(c.kernel):
		s.im.drop(s.xen)
		s.xen = c
		s.xens.add(name)
	default:
		s.im.drop(s.other)
		s.other = c
		s.others.add(name)
	}
	return nil
}

// choose selects one of the kernels that were found.
func (s *search) choose() (*archivedKernel, error) {
	want := s.im.options.Member
	switch {
	case s.xens.count == 1:
		return s.xen, nil
	case s.xens.count > 1:
		return nil, Findingf("archive-several", "the archive has %d Xen kernels, %v: specify the member to use", s.xens.count, s.xens)
	case want != "":
		return nil, Findingf("archive-member", "the archive has no member %q, only %v: specify one of these", want, s.others)
	case s.others.count == 1:
		return s.other, nil
	case s.others.count > 1:
		return nil, Findingf("archive-several", "the archive has %d ELF files, none of them with data for Xen, %v: build the image for Xen PV, or specify the member to use", s.others.count, s.others)
	}
	return nil, Findingf("archive-no-kernel", "the %s archive has no kernel (an ELF or a bzImage, plain or compressed)%s: specify an archive with a Xen PV kernel, or the kernel itself", s.format, s.hint)
}

// archivedKernel is a member that is a kernel by its first bytes, decompressed.
type archivedKernel struct {
	name        string
	compression string // of the member: "none", "gzip", ...
	kernel      *blob
	fault       error // why it could not be decompressed, or one of [hasGzipExtra]
	temps       []io.Closer
}

// extract extracts a member into a temporary file and decompresses it.
func (s *search) extract(name string, content io.Reader) (*archivedKernel, error) {
	opened := len(s.im.open)
	temp, err := s.im.newTempFile()
	if err != nil {
		return nil, err
	}
	size, err := spool(s.im.ctx, temp, content, s.left, s.tooMuch)
	if bad, ok := errors.AsType[dataError](err); ok {
		return nil, archiveFault(s.format, bad.error)
	}
	if err != nil {
		return nil, err
	}
	s.left -= size
	c := &archivedKernel{name: name, compression: "none", kernel: s.im.newBlob(io.NewSectionReader(temp, 0, size))}
	if p := compressionOf(c.kernel); p != nil {
		c.compression = p.name
		compressed := c.kernel
		c.kernel, c.fault = s.im.decompress(compressed, p, smallImage)
		if _, ok := errors.AsType[Finding](c.fault); c.fault != nil && !ok {
			return nil, c.fault
		}
		if s.left -= int64(c.kernel.size); s.left < 0 {
			return nil, s.tooMuch()
		}
	}
	c.temps = slices.Clone(s.im.open[opened:])
	return c, nil
}

func (s *search) tooMuch() error {
	return Findingf("too-large", "the archive's kernels have more than %d bytes, the limit: specify the member to use", s.im.maxSize())
}

// drop closes and so removes the temporary files of a kernel, which may be nil. An
// error of closing doesn't matter for what is kept.
func (im *Image) drop(c *archivedKernel) {
	if c == nil {
		return
	}
	im.open = slices.DeleteFunc(im.open, func(f io.Closer) bool {
		if !slices.Contains(c.temps, f) {
			return false
		}
		_ = f.Close()
		return true
	})
}

// head decompresses the first bytes of compressed data.
func (p *compression) head(compressed []byte) (*blob, error) {
	r, err := p.reader(bufio.NewReader(bytes.NewReader(compressed)), smallDictionary)
	if err != nil {
		return blobOf(nil), err
	}
	if c, ok := r.(interface{ Close() }); ok {
		defer c.Close()
	}
	head := make([]byte, headSize)
	n, err := io.ReadFull(r, head)
	return blobOf(head[:n]), err
}

// isKernel reports whether a file is a kernel by its first bytes.
func isKernel(b *blob) bool { return b.hasAt(0, elf.ELFMAG) || isBzImage(b) }

// hasXenData reports whether a kernel has notes for Xen or a section __xen_guest. A
// bzImage counts, because the ELF in it is always a kernel.
func hasXenData(b *blob) bool {
	return isBzImage(b) || readELF(b).readGuest().Source != ""
}

// nameList is a list of any number of names to print.
type nameList struct {
	first []string
	count int
}

func (l *nameList) add(name string) {
	if l.count++; len(l.first) < maxNames {
		l.first = append(l.first, name)
	}
}

// String lists the first names in quotes.
func (l nameList) String() string {
	quoted := make([]string, 0, len(l.first))
	for _, name := range l.first {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	list := strings.Join(quoted, ", ")
	switch {
	case l.count == 0:
		return "nothing"
	case l.count > len(l.first):
		return fmt.Sprintf("%s and %d more", list, l.count-len(l.first))
	}
	return list
}
