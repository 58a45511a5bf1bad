package boot

import (
	"cmp"
	"errors"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

// PVGRUB boots PV kernels with PV-GRUB. EC2 loads that from outside the disk, and it
// reads its menu from the file system on the disk.
var PVGRUB Method = pvGRUB{}

type pvGRUB struct{}

func (pvGRUB) Name() string { return "pv-grub" }

func (pvGRUB) Registration() Registration {
	return Registration{VirtualizationType: "paravirtual", NeedsAKI: true, RootDevice: "/dev/sda1"}
}

func (pvGRUB) Check(f *image.Facts) []image.Finding { return checkPV(f) }

func (pvGRUB) Warnings(f *image.Facts) []image.Finding {
	if f.Payload == "bzimage" && f.Format != "" && !startsAsBzImage(f) {
		return []image.Finding{image.Findingf("payload-unpacked",
			"PV-GRUB is not documented to decompress a bzImage's %s payload (only gzip, bzip2, lzo and xz): the ELF inside goes on the disk instead", f.PayloadCompression)}
	}
	return nil
}

// startsAsBzImage reports whether PV-GRUB starts a bzImage as it is. AWS documents
// that for payloads of gzip, bzip2, lzo and xz.
func startsAsBzImage(f *image.Facts) bool {
	switch f.PayloadCompression {
	case "lzma", "lz4", "zstd":
		return false
	}
	return f.Payload == "bzimage"
}

func (pvGRUB) Prepare(o Options) (*Content, error) {
	o.Compress = cmp.Or(o.Compress, CompressAuto)
	f := o.Image.Facts()
	c := &Content{options: o, Reserved: bootMenus, kernel: o.Image.ELF(), elf: true}
	if startsAsBzImage(f) {
		c.kernel, c.elf = o.Image.Kernel(), false
	}
	if err := c.gather(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// gather opens or makes all files but the kernel.
func (c *Content) gather() error {
	o := c.options
	err := errors.Join(
		CheckCommandLine(o.CommandLine),
		checkLine("title", o.Title),
		CheckModules(o.Ramdisk, o.Modules),
		o.Compress.check())
	if err != nil {
		return err
	}
	m := menu{title: o.Title, root: grubRoot(o.Layout), line: o.CommandLine, ramdisk: o.Ramdisk != "", modules: o.Modules}
	c.addText(menuLstPath, m.menuLst())
	if cfg, ok := m.grubCfg(); ok {
		c.addText(grubCfgPath, cfg)
	}
	return c.addInputs()
}

// grubRoot returns the disk's file system in the notation of GRUB 0.97.
func grubRoot(l disk.Layout) string {
	if l == disk.LayoutPartitioned {
		return "(hd0,0)"
	}
	return "(hd0)"
}
