// Package disk makes raw disks with one ext2 file system, on the disk as a whole
// or in one partition, followed by zeros. It knows nothing of kernels, menus or
// what boots the disk.
//
// [New] lays out a disk and copies nothing: a [Disk] is read like a file, block by
// block for an EBS snapshot ([Disk.Blocks]) or into a file ([Disk.WriteFile]).
// The same files make the same bytes.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/ext2"
)

const (
	// MaxSize is the size in bytes of the largest disk, 64 TiB: EBS has no
	// larger volumes.
	MaxSize = 64 << 40

	// MaxFiles is the size in bytes of the largest file system, 128 MiB.
	MaxFiles = ext2.MaxSize

	// slack is the least free space after the last used byte. PV-GRUB
	// reads whole tracks of 63 sectors (32,256 bytes), and some of its
	// versions can't read a disk's last, partial one. 1 MiB is well beyond a
	// track, and also a size to which partitioning tools align.
	slack = 1 << 20
)

// A File is a regular file on a disk: its path as in io/fs, such as
// "boot/kernel", its content and its size in bytes.
type File = ext2.File

// A Spec describes a disk.
type Spec struct {
	// Files are the files on the disk. Their contents, in this order, make the
	// file system's UUID.
	Files []File
	// Label is the file system's label, at most 16 bytes.
	Label string
	// Layout places the file system. The zero value is LayoutWholeDisk.
	Layout Layout
	// Size is the disk's size in bytes, a multiple of 512 and at most MaxSize.
	// 0 makes it as small as possible, in whole MiB.
	Size int64
	// Loader is a boot loader to install; nil for none.
	Loader *Loader
	// Sources are the paths of local files that the disk reads from, which
	// WriteFile must not replace.
	Sources []string
	// Progress is called while the disk is written; nil for none.
	Progress func(what string, done, total int64)
}

// Check returns nil if the size and the layout are valid.
func (s Spec) Check() error {
	var fault error
	if s.Size < 0 || s.Size > MaxSize || s.Size%sectorSize != 0 {
		fault = fmt.Errorf("size of %d bytes: specify a multiple of 512 up to %d (64 TiB), or 0 for the smallest", s.Size, int64(MaxSize))
	}
	return errors.Join(fault, s.Layout.check())
}

// A Disk is a raw disk, put together while it is read: only the file system's
// metadata is in memory. Any number of goroutines may read it at once.
type Disk struct {
	spec Spec
	fs   *ext2.FS
	raw  *io.SectionReader // of a disk that was made elsewhere; fs is nil then
	head []byte            // replaces the disk's first bytes: the boot code, the partition table
	size int64
}

// New lays out a disk. It reads all files once, for the UUID. It fails if the
// files are more than 128 MiB with all metadata, or if Size is too small.
func New(ctx context.Context, spec Spec) (*Disk, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	d := &Disk{spec: spec}
	uuid, err := contentUUID(ctx, spec.Files, spec.Loader)
	if err != nil {
		return nil, err
	}
	stage2 := &lateContent{}
	if d.fs, err = ext2.New(spec.Loader.addTo(spec.Files, stage2), uuid, spec.Label); err != nil {
		return nil, err
	}
	if spec.Layout == LayoutPartitioned {
		d.head = newMBR(d.start(), d.fs.Size(), [4]byte(uuid[:4]))
	}
	if err := d.install(stage2); err != nil {
		return nil, err
	}
	return d, d.setSize(spec.Size)
}

// FromRaw returns a disk that was made elsewhere, as it is. Size is the disk's
// size in bytes, 0 for that of its content; the difference is zeros. Sources are
// as in [Spec].
func FromRaw(raw *io.SectionReader, size int64, sources []string) (*Disk, error) {
	least := (raw.Size() + sectorSize - 1) / sectorSize * sectorSize
	if size == 0 {
		size = least
	}
	spec := Spec{Size: size, Sources: sources, Layout: LayoutWholeDisk}
	if err := spec.Check(); err != nil {
		return nil, err
	}
	if size < least {
		return nil, fmt.Errorf("size of %d bytes is too small: the disk has %d; specify at least that", size, least)
	}
	return &Disk{spec: spec, raw: raw, size: size}, nil
}

// setSize sets the disk's size in bytes to the wanted size, or to the smallest
// if that is 0.
func (d *Disk) setSize(want int64) error {
	const mib = 1 << 20
	least := (d.Used() + slack + mib - 1) / mib * mib
	d.size = want
	if want == 0 {
		d.size = least
	}
	if d.size < d.Used()+slack {
		return fmt.Errorf("size of %d bytes is too small: the files take %d, and PV-GRUB needs 1 MiB of free space after them: specify at least %d",
			want, d.Used(), least)
	}
	return nil
}

// Size returns the size of the disk in bytes.
func (d *Disk) Size() int64 { return d.size }

// Used returns the offset in bytes at which the file system ends. After it are
// only zeros, at least 1 MiB of them.
func (d *Disk) Used() int64 {
	if d.raw != nil {
		return d.raw.Size()
	}
	return d.start() + d.fs.Size()
}

// start returns the offset in bytes of the file system.
func (d *Disk) start() int64 { return d.spec.Layout.start() }

// ReadAt implements [io.ReaderAt] over the disk's whole size.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read disk: negative offset %d", off)
	}
	if off >= d.size {
		return 0, io.EOF
	}
	part := p[:min(int64(len(p)), d.size-off)]
	clear(part)
	if d.raw != nil {
		if n, err := d.raw.ReadAt(part, off); err != nil && !errors.Is(err, io.EOF) {
			return n, fmt.Errorf("read disk: %w", err)
		}
		return d.end(part, p)
	}
	if before := max(0, d.start()-off); before < int64(len(part)) && off < d.Used() {
		n, err := d.fs.ReadAt(part[before:], off+before-d.start())
		if err != nil && !errors.Is(err, io.EOF) {
			return int(before) + n, fmt.Errorf("read disk: %w", err)
		}
	}
	if off < int64(len(d.head)) {
		copy(part, d.head[off:])
	}
	return d.end(part, p)
}

// end returns what ReadAt returns for the part of p that is on the disk.
func (d *Disk) end(part, p []byte) (int, error) {
	if len(part) < len(p) {
		return len(part), io.EOF
	}
	return len(part), nil
}
