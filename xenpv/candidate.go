package xenpv

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

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
	return finding("too-large", "the archive's kernels have more than %d bytes, the limit: name the member to take", s.im.maxSize())
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
	return isBzImage(b) || readELF(b).readGuest().source != ""
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
