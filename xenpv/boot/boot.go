// Package boot knows the ways to boot an image from a disk on EC2. A [Method]
// states what it requires of an image, what it puts on the disk, and how its AMI
// is registered.
package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// A Method is a way to boot an image.
type Method interface {
	// Name is the method's name in options, such as "pv-grub".
	Name() string
	// Check returns why the method can't boot an image; nothing if it can.
	Check(f *image.Facts) []image.Finding
	// Warnings returns what the method does with an image that users should
	// know, whether or not it can boot it.
	Warnings(f *image.Facts) []image.Finding
	// Prepare checks the options and collects what goes on the disk. It reads
	// only the sizes of files.
	Prepare(o Options) (*Content, error)
	// Registration returns how an AMI of the disk is registered.
	Registration() Registration
}

// Methods are all methods.
var Methods = []Method{PVGRUB, PVShim, Multiboot, Disk}

// Auto selects the first of [Automatic] that can boot an image.
const Auto = "auto"

// Automatic are the methods that [Auto] selects from, in this order. PVShim is
// not among them, because it needs a copy of Xen's shim: the source
// unikernel-ami falls back to it in regions without PV instances.
var Automatic = []Method{PVGRUB, Multiboot, Disk}

// Find returns the method of a name.
func Find(name string) (Method, error) {
	var names []string
	for _, m := range Methods {
		if m.Name() == name {
			return m, nil
		}
		names = append(names, m.Name())
	}
	return nil, fmt.Errorf("boot method %q is unknown: use %s or one of %v", name, Auto, names)
}

// A Registration is how an AMI is registered.
type Registration struct {
	VirtualizationType string // "paravirtual" or "hvm"
	NeedsAKI           bool   // it needs PV-GRUB as its kernel
	RootDevice         string // the device name of the disk, such as "/dev/sda1"
}

// Options are what a user chooses for a disk.
type Options struct {
	// Image is the image to boot. It must stay open as long as the content.
	Image *image.Image
	// CommandLine is what the guest gets, byte for byte. See CheckCommandLine.
	CommandLine string
	// Ramdisk is the path of a file that the guest gets as its ramdisk; "" for
	// none.
	Ramdisk string
	// Modules are the files that the guest gets in this order, at most 16. They
	// exclude a Ramdisk.
	Modules []Module
	// Title is the name in the boot menu, and so on the console.
	Title string
	// Layout is the disk's.
	Layout disk.Layout
	// Compress is how the kernel is stored. The zero value is CompressAuto.
	Compress Compress
	// Shim is Xen's PV shim, for the method pv-shim.
	Shim *Shim
	// Progress is called while the kernel is compressed.
	Progress image.Progress
}

// A Content is what a method puts on a disk.
type Content struct {
	// Files are all files but the kernel.
	Files []disk.File
	// Sources are the paths of the local files among them.
	Sources []string
	// Reserved are paths on the disk that no other file may have.
	Reserved []string
	options  Options
	elf      bool // the kernel is an ELF, not a bzImage
	kernel   *io.SectionReader
	temp     *files.Temp // the compressed kernel; nil if it is stored as it is
	open     []io.Closer
	loader   func(kernel disk.File) (*disk.Loader, error) // nil for none
}

// addInputs opens the ramdisk or the modules.
func (c *Content) addInputs() error {
	if c.options.Ramdisk != "" {
		return c.addInput("ramdisk", ramdiskPath, c.options.Ramdisk)
	}
	for i, m := range c.options.Modules {
		if err := c.addInput(fmt.Sprintf("module %d", i+1), modulePath(i), m.Path); err != nil {
			return err
		}
	}
	return nil
}

// addInput opens a local file that is loaded with the kernel.
func (c *Content) addInput(what, name, path string) error {
	f, size, err := files.OpenRegular(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", what, err)
	}
	c.open = append(c.open, f)
	c.Sources = append(c.Sources, path)
	if size == 0 {
		return fmt.Errorf("%s %s is empty: specify another file, or none", what, path)
	}
	if size > disk.MaxFiles {
		return fmt.Errorf("%s %s has %d bytes; at most %d (128 MiB) fit with the kernel: make it smaller", what, path, size, disk.MaxFiles)
	}
	c.Files = append(c.Files, disk.File{Path: name, Data: f, Size: size})
	return nil
}

func (c *Content) addText(path, text string) {
	c.Files = append(c.Files, disk.File{Path: path, Data: strings.NewReader(text), Size: int64(len(text))})
}

// CheckShadows rejects files that would hide or replace what the disk boots from.
func (c *Content) CheckShadows(others []disk.File) error {
	reserved := append([]string{kernelPath}, c.Reserved...)
	for _, f := range c.Files {
		reserved = append(reserved, f.Path)
	}
	for _, f := range others {
		for _, r := range reserved {
			if f.Path == r || strings.HasPrefix(f.Path, r+"/") || strings.HasPrefix(r, f.Path+"/") {
				return fmt.Errorf("add file %q: it would shadow /%s, which the disk boots from: specify another path", "/"+f.Path, r)
			}
		}
	}
	return nil
}

// StoreKernel makes the kernel's file, compressed into a temporary file if the
// options ask for that.
func (c *Content) StoreKernel(ctx context.Context) (disk.File, error) {
	if err := c.compressKernel(ctx); err != nil {
		return disk.File{}, err
	}
	return disk.File{Path: kernelPath, Data: c.kernel, Size: c.kernel.Size()}, nil
}

// Loader makes the boot loader that starts the kernel as it is stored; nil if the
// method puts none on the disk.
func (c *Content) Loader(kernel disk.File) (*disk.Loader, error) {
	if c.loader == nil {
		return nil, nil //nolint:nilnil // no loader
	}
	return c.loader(kernel)
}

// KernelPath returns the path of the kernel on the disk, as in menu.lst.
func (c *Content) KernelPath() string { return "/" + kernelPath }

// KernelSize returns the size in bytes of the kernel on the disk.
func (c *Content) KernelSize() int64 { return c.kernel.Size() }

// Compressed reports whether the kernel was compressed for the disk.
func (c *Content) Compressed() bool { return c.temp != nil }

// Close removes the temporary file and closes the ramdisk and the modules. The
// image stays open.
func (c *Content) Close() error {
	var errs []error
	if c.temp != nil {
		errs = append(errs, c.temp.Close())
	}
	for _, f := range c.open {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
