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
	// headSize is how much of a member is looked at to tell what it is: as far
	// as the magic of a bzImage.
	headSize = setupMagicAt + len(setupMagic)
	// maxNames is how many members an error lists, as many as a reader takes in.
	maxNames = 10
	// maxPackedHead is how much of a packed member is read to unpack its head:
	// more than a block of bzip2, the largest of all, at most 900 kB.
	maxPackedHead = 1 << 20
)

// search looks for the kernel in an archive.
type search struct {
	im     *Image
	format string
	buf    *bufio.Reader
	left   int64      // bytes that may still be taken out of the archive
	xen    *candidate // the last kernel that tells Xen something
	other  *candidate // the last kernel that doesn't
	xens   nameList
	others nameList
	hint   string // what the first member that is no kernel is, where it is known
}

// fromArchive takes the one kernel out of an archive, or the member that the
// options name. Libraries and programs that tell Xen nothing don't count where
// there is a kernel that does.
func (im *Image) fromArchive(b *blob, format string) (*blob, error) {
	if want := im.options.Member; want != "" && leaves(want) {
		return nil, pathFault(want)
	}
	s := &search{im: im, format: format, left: im.maxSize(), buf: bufio.NewReaderSize(nil, maxPackedHead)}
	if err := s.readAll(b); err != nil {
		return nil, err
	}
	found, err := s.choose()
	if err != nil {
		return nil, err
	}
	im.facts.Member = found.name
	if im.facts.Compression == "none" {
		im.facts.Compression = found.packing
	}
	if found.fault != nil && !hasGzipExtra(found.fault) {
		return nil, found.fault
	}
	im.facts.refuse(found.fault)
	return found.kernel, nil
}

// readAll reads the archive up to its end, which shows that it is whole.
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
			return Findingf("archive-path", "the %s archive has a member with no name, which no honest archive has: pack it again", s.format)
		}
		if err := s.take(m); err != nil {
			return err
		}
	}
}

func pathFault(name string) error {
	return Findingf("archive-path", "the member %q lies outside the archive's folder, which no honest archive has: pack the archive again, with relative paths and without \"..\"", name)
}

// take looks at a member.
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

// head is how the member in s.buf begins, freed from its packing; nil where that
// can't be told without unpacking it whole.
func (s *search) head() (*blob, error) {
	first, err := s.buf.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	p := packingOf(blobOf(first))
	if p == nil {
		return blobOf(first), nil
	}
	if first, err = s.buf.Peek(maxPackedHead); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head, err := p.head(first)
	if wantsLarger(err) {
		return nil, nil
	}
	return head, nil // damaged packed data with no kernel in sight is no concern
}

// takeNamed takes the member that the options name, whatever it is. Where an
// archive has it twice, the later one counts, as when it is unpacked.
func (s *search) takeNamed(m *member) error {
	switch {
	case m.mode == fs.ModeSymlink:
		return Findingf("archive-link", "the member %q is a link to %q: name the file itself", m.name, m.link)
	case !m.mode.IsRegular():
		return Findingf("archive-member", "the member %q is no regular file: name the kernel", m.name)
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

// consider takes a member out that may be a kernel, and drops it again where it
// is none.
func (s *search) consider(name string, content io.Reader) error {
	c, err := s.extract(name, content)
	if err != nil {
		return err
	}
	switch {
	case !isKernel(c.kernel):
		s.im.drop(c)
	case tellsXen(c.kernel):
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

// choose decides between the kernels that were found.
func (s *search) choose() (*candidate, error) {
	want := s.im.options.Member
	switch {
	case s.xens.count == 1:
		return s.xen, nil
	case s.xens.count > 1:
		return nil, Findingf("archive-several", "the archive holds %d Xen kernels, %v: name the member to take", s.xens.count, s.xens)
	case want != "":
		return nil, Findingf("archive-member", "the archive has no member %q, but %v: name one of these", want, s.others)
	case s.others.count == 1:
		return s.other, nil
	case s.others.count > 1:
		return nil, Findingf("archive-several", "the archive holds %d ELF files, none of which tells Xen anything, %v: build the image for Xen PV, or name the member to take", s.others.count, s.others)
	}
	return nil, Findingf("archive-no-kernel", "the %s archive holds no kernel, that is no ELF and no bzImage, plain or packed%s: give an archive with a Xen PV kernel in it, or the kernel itself", s.format, s.hint)
}

// candidate is a member that by its first bytes, freed from its packing, is a
// kernel.
type candidate struct {
	name    string
	packing string // of the member: "none", "gzip", ...
	kernel  *blob
	fault   error // why it could not be unpacked, or what [hasGzipExtra] is about
	temps   []io.Closer
}

// extract takes a member out into a temporary file, and unpacks it.
func (s *search) extract(name string, content io.Reader) (*candidate, error) {
	opened := len(s.im.open)
	temp, err := s.im.newTempFile()
	if err != nil {
		return nil, err
	}
	size, err := spool(s.im.ctx, temp, content, s.left, s.tooMuch)
	if bad, ok := errors.AsType[unpackError](err); ok {
		return nil, archiveFault(s.format, bad.error)
	}
	if err != nil {
		return nil, err
	}
	s.left -= size
	c := &candidate{name: name, packing: "none", kernel: s.im.newBlob(io.NewSectionReader(temp, 0, size))}
	if p := packingOf(c.kernel); p != nil {
		c.packing = p.name
		packed := c.kernel
		c.kernel, c.fault = s.im.unpack(packed, p, smallImage)
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
	return Findingf("too-large", "the archive's kernels have more than %d bytes, the limit: name the member to take", s.im.maxSize())
}

// drop closes and so removes the temporary files of a candidate; nil has none.
// An error of closing has no bearing on what is kept.
func (im *Image) drop(c *candidate) {
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

// head unpacks the first bytes of packed data.
func (p *packing) head(packed []byte) (*blob, error) {
	r, err := p.reader(bufio.NewReader(bytes.NewReader(packed)), smallDictionary)
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

// isKernel says whether a file is a kernel by its first bytes.
func isKernel(b *blob) bool { return b.hasAt(0, elf.ELFMAG) || isBzImage(b) }

// tellsXen says whether a kernel has notes for Xen or a section __xen_guest. A
// bzImage counts, as the ELF in it is a kernel at any rate.
func tellsXen(b *blob) bool {
	return isBzImage(b) || readELF(b).readGuest().Source != ""
}

// nameList is a list of names to print, however many there are.
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
		return "nothing at all"
	case l.count > len(l.first):
		return fmt.Sprintf("%s and %d more", list, l.count-len(l.first))
	}
	return list
}
