package boot

import (
	"errors"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

// UEFIOnly is the code of the finding that a disk has no boot code for a BIOS. It
// doesn't matter where the disk boots by UEFI.
const UEFIOnly = "uefi-only"

// Disk boots a disk that boots by itself: OSv, nanos, LinuxKit, any Linux. It is
// uploaded as it is.
var Disk Method = bootableDisk{}

type bootableDisk struct{}

func (bootableDisk) Name() string { return "disk" }

func (bootableDisk) Registration() Registration {
	return Registration{VirtualizationType: "hvm", RootDevice: "/dev/xvda"}
}

func (bootableDisk) Check(f *image.Facts) []image.Finding {
	d := f.Disk
	switch {
	case d.Format == "":
		return []image.Finding{image.Findingf("not-a-disk", "the image is not a disk: use the boot method pv-grub, pv-shim or multiboot for a kernel")}
	case d.Format != "raw":
		return []image.Finding{image.Findingf("disk-format", "the image is a disk in the format %s: convert it with \"qemu-img convert -O raw IMAGE disk.raw\", and use disk.raw", d.Format)}
	case !d.BootCode && d.GPT:
		return []image.Finding{image.Findingf(UEFIOnly, "the disk has a GPT but no boot code in its first sector, so a BIOS can't boot it: set boot_mode to uefi if it boots by UEFI, or install a boot loader for BIOS")}
	case !d.BootCode:
		return []image.Finding{image.Findingf("no-boot-code", "the disk has no boot code in its first sector, so a BIOS can't boot it: install a boot loader, or use a disk that boots by itself")}
	}
	return nil
}

func (bootableDisk) Warnings(*image.Facts) []image.Finding { return nil }

// Prepare is not for disks: there is nothing to wrap.
func (bootableDisk) Prepare(Options) (*Content, error) {
	return nil, errors.New("prepare disk: a disk that boots by itself is not wrapped")
}
