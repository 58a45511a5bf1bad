package boot

import (
	"errors"
	"fmt"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/bootsector"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

// PVShim boots unchanged PV kernels in HVM instances: the BIOS starts our loader,
// which starts Xen's PV shim, which starts the kernel. The disk has PV-GRUB's menu
// as well, so the same snapshot can also be registered as a paravirtual AMI.
var PVShim Method = pvShim{}

type pvShim struct{}

const (
	shimPath     = "boot/xen-shim"
	shimNotePath = "boot/xen-shim.txt"
	stage2Path   = "boot/stage2"

	// shimCommandLine is the shim's own. Xen drops the first word, the name of the
	// program. With another console than Xen's the shim stops in
	// ns16550_endboot, as no hardware domain takes the serial port over.
	shimCommandLine = "xen-shim console=xen"

	// shimKernelAddress is where the loader puts the PV kernel. Right above the
	// shim, which relocates itself while it starts, the shim doesn't recognize
	// it; at 64 MiB it does. The smallest HVM instance has 512 MiB.
	shimKernelAddress = 64 << 20

	// ShimOverheadMiB is the memory that the shim takes, in MiB, as measured with
	// Debian's shim 4.17: Linux finds 22 MiB less in a guest of 256 MiB than without
	// the shim, and 24 MiB less in one of 512 MiB.
	ShimOverheadMiB = 24

	// shimMemory is the end of the smallest HVM instance's memory (t2.nano).
	shimMemory = 512 << 20
)

func (pvShim) Name() string { return "pv-shim" }

func (pvShim) Registration() Registration {
	return Registration{VirtualizationType: "hvm", RootDevice: "/dev/sda1"}
}

func (pvShim) Check(f *image.Facts) []image.Finding { return checkPV(f) }

func (pvShim) Warnings(f *image.Facts) []image.Finding { return PVGRUB.Warnings(f) }

func (pvShim) Prepare(o Options) (*Content, error) {
	if o.Shim == nil {
		return nil, errors.New("boot method pv-shim needs Xen's PV shim: install xen-utils-4.17, or specify its file")
	}
	if len(o.Modules) > 0 {
		return nil, fmt.Errorf("boot method pv-shim passes one ramdisk to the guest, and there are %d modules: remove them, or use pv-grub", len(o.Modules))
	}
	c, err := PVGRUB.Prepare(o)
	if err != nil {
		return nil, err
	}
	c.Reserved = append(c.Reserved, stage2Path)
	c.Files = append(c.Files, disk.File{Path: shimPath, Data: o.Shim.data(), Size: int64(len(o.Shim.Compressed))})
	c.addText(shimNotePath, o.Shim.note())
	c.loader = func(kernel disk.File) (*disk.Loader, error) { return c.shimLoader(o, kernel) }
	return c, nil
}

// shimLoader starts the shim with the kernel, and perhaps a ramdisk, as its
// modules. The shim decompresses the kernel itself.
func (c *Content) shimLoader(o Options, kernel disk.File) (*disk.Loader, error) {
	paths := []string{shimPath, kernel.Path}
	modules := []bootsector.File{{Size: kernel.Size, CommandLine: o.CommandLine}}
	for _, f := range c.Files {
		if f.Path == ramdiskPath {
			paths = append(paths, f.Path)
			modules = append(modules, bootsector.File{Size: f.Size})
		}
	}
	return newLoader(o.Layout, bootsector.Table{
		Kernel: bootsector.File{
			Size: int64(len(o.Shim.Compressed)), UncompressedSize: o.Shim.Header.Size, CommandLine: shimCommandLine,
		},
		Header: o.Shim.Header, Modules: modules, ModuleAddress: shimKernelAddress, Memory: shimMemory,
	}, paths)
}

// newLoader makes the loader that starts what the table says. Paths are those of
// the kernel and the modules, whose places are filled in when they are known.
func newLoader(layout disk.Layout, t bootsector.Table, paths []string) (*disk.Loader, error) {
	placed := placeholder(t)
	if size := placed.Size(); size > bootsector.MaxStage2Size {
		return nil, fmt.Errorf("boot loader of %d bytes: at most %d fit; shorten the command line", size, bootsector.MaxStage2Size)
	}
	// Whatever can be wrong but the extents is seen now, before anything is compressed further.
	if _, err := bootsector.Stage2(placed); err != nil {
		return nil, err
	}
	return &disk.Loader{Path: stage2Path, Size: int64(placed.Size()), Make: func(d *disk.Disk) (code, content []byte, err error) {
		if err := place(&t.Kernel, d, paths[0]); err != nil {
			return nil, nil, err
		}
		for i := range t.Modules {
			if err := place(&t.Modules[i], d, paths[i+1]); err != nil {
				return nil, nil, err
			}
		}
		if content, err = bootsector.Stage2(t); err != nil {
			return nil, nil, err
		}
		sector, err := bootsector.Sector(sectors(d.Extents(stage2Path))[0])
		if err == nil && layout == disk.LayoutPartitioned {
			sector = sector[:bootsector.CodeSize] // the partition table follows
		}
		return sector, content, err
	}}, nil
}

// placeholder gives each file one extent of its size: a file on our disks has
// exactly one.
func placeholder(t bootsector.Table) bootsector.Table {
	extent := func(f bootsector.File) bootsector.File {
		f.Extents = []bootsector.Extent{{Start: 2, Count: uint32((f.Size + bootsector.SectorSize - 1) / bootsector.SectorSize)}}
		return f
	}
	t.Kernel = extent(t.Kernel)
	modules := make([]bootsector.File, len(t.Modules))
	for i, m := range t.Modules {
		modules[i] = extent(m)
	}
	t.Modules = modules
	return t
}

func place(f *bootsector.File, d *disk.Disk, path string) error {
	if f.Extents = sectors(d.Extents(path)); len(f.Extents) == 0 {
		return fmt.Errorf("find %s on the disk: it has no allocated blocks", path)
	}
	return nil
}

// sectors rounds extents to whole sectors.
func sectors(extents []disk.Extent) []bootsector.Extent {
	var all []bootsector.Extent
	for _, e := range extents {
		all = append(all, bootsector.Extent{
			Start: uint64(e.Offset / bootsector.SectorSize),
			Count: uint32((e.Length + bootsector.SectorSize - 1) / bootsector.SectorSize),
		})
	}
	return all
}
