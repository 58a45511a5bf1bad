package boot

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/bootsector"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// A Shim is Xen's PV shim: a Xen that runs in an HVM guest and gives a PV kernel
// what the real Xen gives PV guests. It comes with every Xen since 4.10.
type Shim struct {
	Path       string   // where it was found
	Version    string   // of its package, "" if unknown
	SHA256     [32]byte // of the file
	Header     bootsector.Header
	Compressed []byte // as it goes on the disk, in gzip format
}

// maxShim is the largest shim in bytes. Debian's has 6.4 MB.
const maxShim = 64 << 20

// shimMark is a message of the shim's own code (arch/x86/pv/shim.c in Xen), by
// which it is told from any other multiboot kernel.
const shimMark = "shim used pages"

// LoadShim reads a shim: a multiboot ELF as Xen's build makes it (xen-shim),
// perhaps compressed with gzip. Version is that of its package, "" if unknown.
func LoadShim(path, version string) (*Shim, error) {
	file, size, err := files.OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("open shim: %w", err)
	}
	defer file.Close()
	if size > maxShim {
		return nil, fmt.Errorf("read shim %s: it has %d bytes, and at most %d are read: specify the file xen-shim of Xen", path, size, maxShim)
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("read shim %s: %w", path, err)
	}
	s := &Shim{Path: path, Version: version, SHA256: sha256.Sum256(data)}
	if data, err = gunzip(data); err != nil {
		return nil, fmt.Errorf("decompress shim %s: %w", path, err)
	}
	if s.Header, err = bootsector.ParseMultiboot(bytes.NewReader(data), int64(len(data))); err != nil {
		return nil, fmt.Errorf("read shim %s: %w: specify the file xen-shim of Xen 4.10 or later", path, err)
	}
	if !bytes.Contains(data, []byte(shimMark)) {
		return nil, fmt.Errorf("read shim %s: it is a multiboot kernel, but not Xen's PV shim: specify the file xen-shim of Xen 4.10 or later", path)
	}
	var compressed bytes.Buffer
	if err := gzipTo(&compressed, bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("compress shim: %w", err)
	}
	s.Compressed = compressed.Bytes()
	return s, nil
}

// gunzip decompresses data if it is in gzip format.
func gunzip(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	data, err = io.ReadAll(io.LimitReader(r, maxShim+1))
	if err == nil && len(data) > maxShim {
		err = fmt.Errorf("it has more than %d bytes", maxShim)
	}
	return data, err
}

func (s *Shim) data() io.ReaderAt { return bytes.NewReader(s.Compressed) }

// Tag identifies the shim in the tags of an AMI: the version of its package, or
// else its SHA-256.
func (s *Shim) Tag() string {
	if s.Version == "" {
		return fmt.Sprintf("sha256:%x", s.SHA256)
	}
	return s.Version
}

// String names the shim in logs.
func (s *Shim) String() string {
	if s.Version == "" {
		return fmt.Sprintf("%s, SHA-256 %x", s.Path, s.SHA256)
	}
	return fmt.Sprintf("Xen's PV shim %s, SHA-256 %x", s.Version, s.SHA256)
}

// note goes on the disk beside the shim: the license asks for the source to be
// named.
func (s *Shim) note() string {
	origin := "from " + s.Path
	if s.Version != "" {
		origin = "of Debian's xen-utils-4.17 package, version " + s.Version + " (source package xen)"
	}
	return fmt.Sprintf(`/boot/xen-shim is the PV shim of the Xen Project, %s,
compressed with gzip. The SHA-256 of the original file is %x.

Xen is free software under the GNU General Public License, version 2
(https://xenbits.xen.org/gitweb/?p=xen.git;a=blob;f=COPYING). Its source is at
https://xenbits.xen.org/ and, for Debian's packages, at
https://sources.debian.org/src/xen/.
`, origin, s.SHA256)
}

// InstalledShim is where Debian's xen-utils-4.17 package has its shim.
const InstalledShim = "/usr/lib/xen-4.17/boot/xen-shim"
