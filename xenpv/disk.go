package xenpv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/ext2"
)

// A Disk is a raw disk as PV-GRUB's hd0 AKIs boot it: an ext2 file system with
// the kernel and the menus for PV-GRUB and GRUB 2, on the disk as a whole or in
// its one partition, and zeros behind it. The same input makes the same bytes,
// however the kernel was packed.
//
// It is put together while it is read: only the file system's metadata is in
// memory, and the one temporary file that there may be holds the compressed
// kernel. Any number of goroutines may read it at once.
type Disk struct {
	spec   DiskSpec
	kernel *storedKernel
	open   []*os.File // the ramdisk and the modules
	inputs []string   // the paths of the files that are read
	files  []ext2.File
	fs     *ext2.FS
	mbr    []byte // empty where there are no partitions
	size   int64
}

// NewDisk makes a disk. It writes nothing but the compressed kernel's temporary
// file, and that only after it has checked all that needs no compressing.
//
// It fails where PV-GRUB can't start the kernel, where the command line or a
// module's arguments would not reach the guest, where the ramdisk or a module
// is empty or no regular file, where one of Files can't be had or would shadow
// what boots, where the files are more than 128 MiB with all metadata, and
// where Size is too small.
func NewDisk(ctx context.Context, spec DiskSpec) (*Disk, error) {
	spec.Title = cmp.Or(spec.Title, defaultTitle)
	spec.Compress = cmp.Or(spec.Compress, CompressAuto)
	spec.Layout = cmp.Or(spec.Layout, LayoutWholeDisk)
	d := &Disk{spec: spec, inputs: []string{spec.Kernel.Path()}}
	if err := d.build(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make disk: %w", err), d.Close())
	}
	return d, nil
}

// build opens and makes everything, in an order that finds faults early.
func (d *Disk) build(ctx context.Context) error {
	if err := d.spec.check(); err != nil {
		return err
	}
	if err := d.gather(); err != nil {
		return err
	}
	var err error
	if d.kernel, err = storeKernel(ctx, d.spec); err != nil {
		return err
	}
	d.files = append(d.files, ext2.File{Path: kernelPath, Data: d.kernel, Size: d.kernel.Size()})
	uuid, err := contentUUID(ctx, d.files)
	if err != nil {
		return err
	}
	if d.fs, err = ext2.New(d.files, uuid, volumeLabel); err != nil {
		return fmt.Errorf("%w: make the kernel or the ramdisk smaller (strip it, or let the kernel be compressed), or give fewer files", err)
	}
	if d.spec.Layout == LayoutPartitioned {
		d.mbr = newMBR(d.start(), d.fs.Size(), [4]byte(uuid[:4]))
	}
	return d.setSize(d.spec.Size)
}

// gather opens or makes all files but the kernel.
func (d *Disk) gather() error {
	m := menu{title: d.spec.Title, root: d.spec.Layout.grubRoot(), line: d.spec.CommandLine, ramdisk: d.spec.Ramdisk != "", modules: d.spec.Modules}
	d.files = []ext2.File{textFile(menuLstPath, m.menuLst())}
	if cfg, ok := m.grubCfg(); ok {
		d.files = append(d.files, textFile(grubCfgPath, cfg))
	}
	if m.ramdisk {
		if err := d.addInput("ramdisk", ramdiskPath, d.spec.Ramdisk); err != nil {
			return err
		}
	}
	for i, module := range m.modules {
		if err := d.addInput(fmt.Sprintf("module %d", i+1), modulePath(i), module.Path); err != nil {
			return err
		}
	}
	list, err := listFiles(d.spec.Files)
	if err != nil {
		return err
	}
	if err := checkShadows(list.files, append(d.files, ext2.File{Path: kernelPath})); err != nil {
		return err
	}
	d.files = append(d.files, list.files...)
	d.inputs = append(d.inputs, list.sources...)
	return checkTotal(d.files)
}

// addInput opens a local file that is to be loaded with the kernel.
func (d *Disk) addInput(what, name, path string) error {
	f, size, err := openRegular(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", what, err)
	}
	d.open = append(d.open, f)
	d.inputs = append(d.inputs, path)
	if size == 0 {
		return fmt.Errorf("%s %s is empty: give another file, or none", what, path)
	}
	if size > ext2.MaxSize {
		return fmt.Errorf("%s %s has %d bytes: at most %d (128 MiB) fit together with the kernel; make it smaller", what, path, size, ext2.MaxSize)
	}
	d.files = append(d.files, ext2.File{Path: name, Data: f, Size: size})
	return nil
}

// checkTotal refuses files that can't fit before they are read. All sizes are
// at most ext2.MaxSize, so their sum is no overflow.
func checkTotal(files []ext2.File) error {
	var size int64
	for _, f := range files {
		size += f.Size
	}
	if size > ext2.MaxSize {
		return fmt.Errorf("the files beside the kernel have %d bytes: %w", size, overfull(size))
	}
	return nil
}

// overfull says how much fits, and what to do.
func overfull(size int64) error {
	return fmt.Errorf("%d bytes more than the %d (128 MiB) that fit with the kernel and all metadata: give fewer or smaller files", size-ext2.MaxSize, int64(ext2.MaxSize))
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
func (d *Disk) Used() int64 { return d.start() + d.fs.Size() }

// start is the offset in bytes at which the file system begins.
func (d *Disk) start() int64 { return d.spec.Layout.start() }

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
	clear(part)
	if off < int64(len(d.mbr)) {
		copy(part, d.mbr[off:])
	}
	if before := max(0, d.start()-off); before < int64(len(part)) && off < d.Used() {
		n, err := d.fs.ReadAt(part[before:], off+before-d.start())
		if err != nil && !errors.Is(err, io.EOF) {
			return int(before) + n, fmt.Errorf("read disk: %w", err)
		}
	}
	if len(part) < len(p) {
		return len(part), io.EOF
	}
	return len(part), nil
}

// Close removes the temporary file and closes the ramdisk and the modules. The
// kernel's image stays open.
func (d *Disk) Close() error {
	var errs []error
	if d.kernel != nil {
		errs = append(errs, d.kernel.Close())
	}
	for _, f := range d.open {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
