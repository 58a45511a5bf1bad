package xenpv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/xlconfig"
)

const (
	defaultTitle = "unikernel"
	volumeLabel  = "unikernel"
)

// A Spec describes an image and the disk to create from it.
type Spec struct {
	// Image is the path of an image, or of a domain configuration that names
	// one: then the command line, the ramdisk and the memory come from there,
	// unless they are set here.
	Image string
	// ImageOnly treats Image as an image, whatever it contains.
	ImageOnly bool
	// Verify, if set, is called with the path of the image before it is opened.
	Verify func(ctx context.Context, path string) error
	// Member is the path of the kernel in an archive; "" if there is only one.
	Member string
	// MaxSize is the largest kernel in bytes. 0 means [image.MaxKernelSize].
	MaxSize int64

	// CommandLine is passed to the guest byte for byte. If it is nil, the domain
	// configuration's is used. See [boot.CheckCommandLine].
	CommandLine *string
	// Ramdisk is the path of the guest's ramdisk. PV-GRUB and libxc (under pygrub and xl) decompress it if it is gzip-compressed.
	Ramdisk string
	// Modules are the guest's multiboot modules (SIF_MULTIBOOT_MOD in Xen's
	// start_info) in order, at most 16. They exclude a Ramdisk, which PV-GRUB
	// would drop. pygrub doesn't support modules.
	Modules []boot.Module
	// Files are additional files: their paths on the disk, such as /json.cfg, and
	// the local files or directories to copy there. A directory is copied with
	// all regular files below it; symbolic links in it are refused.
	Files map[string]string
	// Layout is the layout of the disk. The zero value is [disk.LayoutWholeDisk].
	Layout disk.Layout
	// Size is the disk's size in bytes, a multiple of 512 and at most
	// [disk.MaxSize]. 0 means as small as possible, in whole MiB.
	Size int64
	// Compress is how the kernel is stored. The zero value is
	// [boot.CompressAuto].
	Compress boot.Compress
	// Method is the name of a boot method. Empty or [boot.Auto] means the first of
	// [boot.Automatic] that can boot the image.
	Method string
	// UEFI accepts a disk that boots by itself only by UEFI.
	UEFI bool
	// Shim is the path of Xen's PV shim, for the method pv-shim. Empty means the
	// one in Debian's xen-utils-4.17 package, installed or from apt.
	Shim string
	// Title is the name in the boot menu, and so on the console. The zero value
	// is "unikernel".
	Title string
	// Progress is called while the image is read and the disk is made.
	Progress image.Progress
}

// A Disk is a wrapped image. Close it after use.
type Disk struct {
	*disk.Disk
	Report      *Report
	Method      boot.Method
	Shim        *boot.Shim      // of the method pv-shim
	CommandLine string          // the guest's
	MemoryMiB   int64           // from a domain configuration; 0 if unknown
	Advice      []image.Finding // what to know about the guest on this disk

	spec    Spec
	image   *image.Image
	content *boot.Content
	paths   []string // of the files on the disk, but the kernel
}

// A RefusedError reports that a boot method can't boot an image.
type RefusedError struct {
	Path     string
	Method   string // pv-grub if none was requested
	Problems error  // all reasons, one per line
}

// Error names the image and all reasons.
func (e *RefusedError) Error() string {
	who := "PV-GRUB"
	if e.Method != boot.PVGRUB.Name() {
		who = "boot method " + e.Method
	}
	return fmt.Sprintf("%s can't start %s: %v", who, e.Path, e.Problems)
}

// Unwrap returns the reasons.
func (e *RefusedError) Unwrap() error { return e.Problems }

// Wrap opens and checks an image and lays out its disk. It writes nothing but
// temporary files, and compresses the kernel only after all other checks.
//
// It fails with a [RefusedError] if the boot method can't start the image. It also fails
// if the command line or a module's arguments would not reach the guest, if the
// ramdisk or a module is empty or not a regular file, if one of Files can't be
// read or would shadow what boots, if the files are more than 128 MiB with all
// metadata, and if Size is too small.
func Wrap(ctx context.Context, spec Spec) (*Disk, error) {
	d := &Disk{spec: spec}
	warnings, err := d.open(ctx)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := d.make(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make disk: %w", err), d.Close())
	}
	d.Advice = slices.Concat(warnings, d.Report.memoryAdvice(d.MemoryMiB), d.advice())
	return d, nil
}

// open resolves the spec's path, opens the image and checks it. It returns the
// warnings about a domain configuration.
func (d *Disk) open(ctx context.Context) ([]image.Finding, error) {
	spec := &d.spec
	input := &xlconfig.Input{Image: spec.Image}
	var err error
	if !spec.ImageOnly {
		if input, err = xlconfig.Resolve(spec.Image); err != nil {
			return nil, err
		}
	}
	d.CommandLine, d.MemoryMiB = input.CommandLine, input.MemoryMiB
	if spec.CommandLine != nil {
		d.CommandLine = *spec.CommandLine
	}
	spec.Ramdisk = cmp.Or(spec.Ramdisk, input.Ramdisk)
	if spec.Verify != nil {
		if err := spec.Verify(ctx, input.Image); err != nil {
			return nil, err
		}
	}
	options := image.OpenOptions{Member: spec.Member, MaxSize: spec.MaxSize, Progress: spec.Progress}
	if d.image, err = image.OpenWith(ctx, input.Image, options); err != nil {
		return nil, err
	}
	d.Report = NewReport(d.image.Facts())
	if d.Method, err = choose(spec, d.image.Facts()); err != nil {
		return nil, err
	}
	if d.Method == boot.PVShim {
		if d.Shim, err = loadShim(ctx, spec.Shim); err != nil {
			return nil, err
		}
	}
	return input.Warnings, nil
}

// choose returns the boot method that the spec names, or the first that can boot
// the image.
func choose(spec *Spec, f *image.Facts) (boot.Method, error) {
	if spec.Method != "" && spec.Method != boot.Auto {
		method, err := boot.Find(spec.Method)
		if err != nil {
			return nil, err
		}
		return method, refused(method, spec, f)
	}
	for _, method := range boot.Automatic {
		if refused(method, spec, f) == nil {
			return method, nil
		}
	}
	return nil, refused(boot.PVGRUB, spec, f)
}

// refused returns a [RefusedError] if the method can't boot the image.
func refused(method boot.Method, spec *Spec, f *image.Facts) error {
	var problems []error
	for _, p := range method.Check(f) {
		if p.Code != boot.UEFIOnly || !spec.UEFI {
			problems = append(problems, p)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &RefusedError{Path: spec.Image, Method: method.Name(), Problems: errors.Join(problems...)}
}

// make lays out the disk, in an order that finds faults early.
func (d *Disk) make(ctx context.Context) (err error) {
	if d.Method == boot.Disk {
		d.Disk, err = disk.FromRaw(d.image.Raw(), d.spec.Size, []string{d.image.Path()})
		return errors.Join(err, d.unused())
	}
	layout := disk.Spec{
		Label: volumeLabel, Layout: d.spec.Layout, Size: d.spec.Size,
		Sources: []string{d.image.Path()}, Progress: d.spec.Progress,
	}
	content, err := d.Method.Prepare(boot.Options{
		Image: d.image, CommandLine: d.CommandLine, Ramdisk: d.spec.Ramdisk, Modules: d.spec.Modules,
		Title: cmp.Or(d.spec.Title, defaultTitle), Layout: d.spec.Layout, Compress: d.spec.Compress,
		Shim: d.Shim, Progress: d.spec.Progress,
	})
	d.content = content // nil after an error
	if err := errors.Join(layout.Check(), err); err != nil {
		return err
	}
	others, err := disk.ListFiles(d.spec.Files)
	if err != nil {
		return err
	}
	if err := content.CheckShadows(others.Files); err != nil {
		return err
	}
	layout.Files = slices.Concat(content.Files, others.Files)
	layout.Sources = slices.Concat(layout.Sources, content.Sources, others.Sources)
	for _, f := range layout.Files {
		d.paths = append(d.paths, f.Path)
	}
	if err := disk.CheckTotal(layout.Files); err != nil {
		return err
	}
	kernel, err := content.StoreKernel(ctx)
	if err != nil {
		return err
	}
	layout.Files = append(layout.Files, kernel)
	if layout.Loader, err = content.Loader(kernel); err != nil {
		return err
	}
	d.Disk, err = disk.New(ctx, layout)
	return err
}

// unused refuses options that have no meaning for a disk that boots by itself.
func (d *Disk) unused() error {
	var set []string
	for option, isSet := range map[string]bool{
		"the command line": d.CommandLine != "", "the ramdisk": d.spec.Ramdisk != "", "the modules": len(d.spec.Modules) > 0,
		"the files": len(d.spec.Files) > 0, "the layout": cmp.Or(d.spec.Layout, disk.LayoutWholeDisk) != disk.LayoutWholeDisk,
		"the compression": cmp.Or(d.spec.Compress, boot.CompressAuto) != boot.CompressAuto,
	} {
		if isSet {
			set = append(set, option)
		}
	}
	if set == nil {
		return nil
	}
	slices.Sort(set)
	return fmt.Errorf("a disk that boots by itself is used as it is: remove %s", strings.Join(set, ", "))
}

// KernelPath returns the path of the kernel on the disk, as in menu.lst; "" for a
// disk that boots by itself.
func (d *Disk) KernelPath() string {
	if d.content == nil {
		return ""
	}
	return d.content.KernelPath()
}

// StoredKernelSize returns the size of the kernel on the disk in bytes.
func (d *Disk) StoredKernelSize() int64 {
	if d.content == nil {
		return 0
	}
	return d.content.KernelSize()
}

// StoredCompressed reports whether the kernel was compressed for the disk.
func (d *Disk) StoredCompressed() bool { return d.content != nil && d.content.Compressed() }

// Close closes the image and removes all temporary files.
func (d *Disk) Close() error {
	var errs []error
	if d.content != nil {
		errs = append(errs, d.content.Close())
	}
	if d.image != nil {
		errs = append(errs, d.image.Close())
	}
	return errors.Join(errs...)
}
