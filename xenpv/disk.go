package xenpv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/ext2"
)

// A Disk is a raw disk without partitions, as PV-GRUB's hd0 AKIs boot it: an
// ext2 file system with the kernel and the menus for PV-GRUB and GRUB 2, and
// zeros behind it. The same input makes the same bytes, however the kernel was
// packed.
//
// It is put together while it is read: only the file system's metadata is in
// memory, and the one temporary file that there may be holds the compressed
// kernel. Any number of goroutines may read it at once.
type Disk struct {
	fs          *ext2.FS
	size        int64
	kernel      *storedKernel
	ramdisk     *os.File // nil where there is none
	ramdiskSize int64
	inputs      []string // the paths of the files that are read
}

// NewDisk makes a disk. It writes nothing but the compressed kernel's temporary
// file, and that only after it has checked all that needs no compressing.
//
// It fails where PV-GRUB can't start the kernel, where the command line would
// not reach the guest, where the ramdisk is empty or no regular file, where the
// files are more than 128 MiB with all metadata, and where Size is too small.
func NewDisk(ctx context.Context, spec DiskSpec) (*Disk, error) {
	if spec.Title == "" {
		spec.Title = defaultTitle
	}
	if spec.Compress == "" {
		spec.Compress = CompressAuto
	}
	d := &Disk{inputs: []string{spec.Kernel.Path()}}
	if err := d.build(ctx, spec); err != nil {
		return nil, errors.Join(fmt.Errorf("make disk: %w", err), d.Close())
	}
	return d, nil
}

// build opens and makes everything, in an order that finds faults early.
func (d *Disk) build(ctx context.Context, spec DiskSpec) error {
	if err := spec.check(); err != nil {
		return err
	}
	if err := d.openRamdisk(spec.Ramdisk); err != nil {
		return err
	}
	var err error
	if d.kernel, err = storeKernel(ctx, spec.Kernel.Kernel(), spec.Compress); err != nil {
		return err
	}
	files := d.files(spec)
	uuid, err := contentUUID(ctx, files)
	if err != nil {
		return err
	}
	if d.fs, err = ext2.New(files, uuid, volumeLabel); err != nil {
		return fmt.Errorf("%w: make the kernel or the ramdisk smaller (strip it, or let the kernel be compressed)", err)
	}
	return d.setSize(spec.Size)
}

// openRamdisk opens the ramdisk, where there is to be one.
func (d *Disk) openRamdisk(path string) error {
	if path == "" {
		return nil
	}
	var err error
	if d.ramdisk, d.ramdiskSize, err = openRegular(path); err != nil {
		return fmt.Errorf("open ramdisk: %w", err)
	}
	d.inputs = append(d.inputs, path)
	if d.ramdiskSize == 0 {
		return fmt.Errorf("ramdisk %s is empty: give another file, or none", path)
	}
	if d.ramdiskSize > ext2.MaxSize {
		return fmt.Errorf("ramdisk %s has %d bytes: at most %d (128 MiB) fit together with the kernel; make it smaller", path, d.ramdiskSize, ext2.MaxSize)
	}
	return nil
}

// files returns all files of the disk.
func (d *Disk) files(spec DiskSpec) []ext2.File {
	ramdisk := d.ramdisk != nil
	files := []ext2.File{
		{Path: kernelPath, Data: d.kernel, Size: d.kernel.Size()},
		textFile(menuLstPath, menuLst(spec.Title, spec.CommandLine, ramdisk)),
	}
	if cfg, ok := grubCfg(spec.Title, spec.CommandLine, ramdisk); ok {
		files = append(files, textFile(grubCfgPath, cfg))
	}
	if ramdisk {
		files = append(files, ext2.File{Path: ramdiskPath, Data: d.ramdisk, Size: d.ramdiskSize})
	}
	return files
}

func textFile(path, text string) ext2.File {
	return ext2.File{Path: path, Data: strings.NewReader(text), Size: int64(len(text))}
}

// setSize gives the disk the wanted size in bytes, or its smallest where that
// is 0.
func (d *Disk) setSize(want int64) error {
	const mib = 1 << 20
	least := (d.Used() + slack + mib - 1) / mib * mib
	d.size = want
	if want == 0 {
		d.size = least
	}
	if d.size < d.Used()+slack {
		return fmt.Errorf("size of %d bytes is too small: the files take %d, and 1 MiB behind them must stay free for PV-GRUB; give at least %d",
			want, d.Used(), least)
	}
	return nil
}

// Size returns the size of the disk in bytes.
func (d *Disk) Size() int64 { return d.size }

// Used returns the offset in bytes at which the file system ends. Behind it are
// only zeros, at least 1 MiB of them.
func (d *Disk) Used() int64 { return d.fs.Size() }

// KernelPath returns the path of the kernel on the disk, as in menu.lst.
func (d *Disk) KernelPath() string { return "/" + kernelPath }

// StoredKernelSize returns the size of the kernel on the disk in bytes.
func (d *Disk) StoredKernelSize() int64 { return d.kernel.Size() }

// StoredCompressed reports whether the kernel was compressed for the disk.
func (d *Disk) StoredCompressed() bool { return d.kernel.spool != nil }

// ReadAt implements [io.ReaderAt] over the disk's whole size.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read disk: negative offset %d", off)
	}
	if off >= d.size {
		return 0, io.EOF
	}
	part := p[:min(int64(len(p)), d.size-off)]
	n := 0
	if off < d.Used() {
		var err error
		if n, err = d.fs.ReadAt(part, off); err != nil && !errors.Is(err, io.EOF) {
			return n, fmt.Errorf("read disk: %w", err)
		}
	}
	clear(part[n:])
	if len(part) < len(p) {
		return len(part), io.EOF
	}
	return len(part), nil
}

// Close removes the temporary file and closes the ramdisk. The kernel's image
// stays open.
func (d *Disk) Close() error {
	var errs []error
	if d.kernel != nil {
		errs = append(errs, d.kernel.Close())
	}
	if d.ramdisk != nil {
		errs = append(errs, d.ramdisk.Close())
	}
	return errors.Join(errs...)
}
