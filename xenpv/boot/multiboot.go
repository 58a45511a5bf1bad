package boot

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/bootsector"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

// Multiboot boots multiboot 1 kernels in HVM instances with our BIOS loader:
// MirageOS 3.9 and later (Solo5's target xen), and others.
var Multiboot Method = multiboot{}

type multiboot struct{}

func (multiboot) Name() string { return "multiboot" }

func (multiboot) Registration() Registration {
	return Registration{VirtualizationType: "hvm", RootDevice: "/dev/sda1"}
}

func (multiboot) Check(f *image.Facts) []image.Finding {
	if len(f.Problems) > 0 {
		return f.Problems
	}
	err := f.Multiboot.Err
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bootsector.ErrNoHeader) && len(checkPV(f)) == 0:
		return []image.Finding{image.Findingf("no-multiboot", "the image is a Xen PV kernel without a multiboot header: use the boot method pv-grub or pv-shim")}
	case errors.Is(err, bootsector.ErrNoHeader):
		return []image.Finding{image.Findingf("no-multiboot", "the image has no multiboot header in its first 8 KiB, which the boot method multiboot needs")}
	}
	return []image.Finding{image.Findingf("multiboot", "the boot method multiboot can't start the image: %v", err)}
}

func (multiboot) Warnings(*image.Facts) []image.Finding { return nil }

func (multiboot) Prepare(o Options) (*Content, error) {
	o.Compress = cmp.Or(o.Compress, CompressAuto)
	c := &Content{options: o, Reserved: []string{stage2Path}, kernel: o.Image.ELF(), elf: true}
	if err := c.gatherModules(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	header := o.Image.Facts().Multiboot.Header
	c.loader = func(kernel disk.File) (*disk.Loader, error) { return c.multibootLoader(header, kernel) }
	return c, nil
}

// gatherModules opens the ramdisk or the modules.
func (c *Content) gatherModules() error {
	o := c.options
	err := errors.Join(checkMultibootLine("command line", o.CommandLine), CheckModules(o.Ramdisk, o.Modules), o.Compress.check())
	if err != nil {
		return err
	}
	return c.addInputs()
}

// checkMultibootLine refuses a command line that can't be stored in the loader's
// table.
func checkMultibootLine(what, line string) error {
	if i := strings.IndexByte(line, 0); i >= 0 {
		return fmt.Errorf("%s has a zero byte at offset %d: remove it", what, i)
	}
	return nil
}

// multibootLoader starts the kernel with its modules, uncompressed by the loader.
func (c *Content) multibootLoader(header bootsector.Header, kernel disk.File) (*disk.Loader, error) {
	t := bootsector.Table{Header: header, Kernel: bootsector.File{Size: kernel.Size, CommandLine: c.options.CommandLine}}
	if c.Compressed() {
		t.Kernel.UncompressedSize = header.Size
	}
	paths := []string{kernel.Path}
	for _, f := range c.Files {
		m := bootsector.File{Size: f.Size}
		if i := len(paths) - 1; i < len(c.options.Modules) {
			m.CommandLine = c.options.Modules[i].Arguments
		}
		t.Modules, paths = append(t.Modules, m), append(paths, f.Path)
	}
	return newLoader(c.options.Layout, t, paths)
}
