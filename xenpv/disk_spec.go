package xenpv

import (
	"errors"
	"fmt"
)

const (
	// MaxDiskSize is the size in bytes of the largest disk, 64 TiB: EBS has
	// no larger volumes.
	MaxDiskSize = 64 << 40

	// slack is what a disk has at least behind its last used byte. PV-GRUB
	// reads whole tracks of 63 sectors (32,256 bytes), and some of its
	// versions can't read a disk's last, partial one. 1 MiB is well beyond a
	// track, and also a size to which partitioning tools align.
	slack = 1 << 20

	defaultTitle = "unikernel"
	volumeLabel  = "unikernel"
)

// maxModules is how many modules a disk takes. With the longest arguments they
// fill 18 of the 24 KiB that GRUB 0.97 has for the words of a kernel and all
// its modules (MB_CMDLINE_BUFLEN in stage2/shared.h).
const maxModules = 16

// A Module is a file that is loaded beside the kernel.
type Module struct {
	// Path is the local file. PV-GRUB and GRUB 2 unpack it on the way where it
	// is gzip-compressed.
	Path string
	// Arguments are handed to the guest with the module, under the same rules
	// as a command line.
	Arguments string
}

// A DiskSpec says what is to be on a disk.
type DiskSpec struct {
	// Kernel is the image to boot. It must stay open as long as the disk is
	// in use.
	Kernel *Image
	// CommandLine is what the guest gets, byte for byte. See CheckCommandLine.
	CommandLine string
	// Ramdisk is the path of a file that the guest gets as its module; none
	// where it is empty. PV-GRUB and libxc (under pygrub and xl) unpack it
	// on the way where it is gzip-compressed.
	Ramdisk string
	// Modules are the files that the guest gets in this order, at most 16, in
	// the way of multiboot (SIF_MULTIBOOT_MOD in Xen's start_info). They
	// exclude a Ramdisk, which PV-GRUB would drop. pygrub knows no modules.
	Modules []Module
	// Files are further files: their paths on the disk, like /json.cfg, and
	// the local files or folders that they come from. A folder goes there with
	// all regular files below it; symbolic links in it are refused.
	Files map[string]string
	// Layout says where the file system is. The zero value is LayoutWholeDisk.
	Layout Layout
	// Size is the disk's size in bytes, a multiple of 512 and at most
	// MaxDiskSize. 0 makes it as small as it can be, in whole MiB.
	Size int64
	// Compress says how the kernel is stored. The zero value is CompressAuto.
	Compress Compress
	// Title names the entry in the boot menu, and so on the console. The zero
	// value is "unikernel".
	Title string
	// Progress is told how far compressing the kernel and writing the disk are.
	Progress Progress
}

// check finds all faults that can be seen without looking at other files.
func (s DiskSpec) check() error {
	var faults []error
	if s.Size < 0 || s.Size > MaxDiskSize || s.Size%512 != 0 {
		faults = append(faults, fmt.Errorf("size of %d bytes: give a multiple of 512 up to %d (64 TiB), or 0 for the smallest", s.Size, int64(MaxDiskSize)))
	}
	return errors.Join(append(faults,
		s.Kernel.Report().Err(),
		CheckCommandLine(s.CommandLine),
		checkLine("title", s.Title),
		CheckModules(s.Ramdisk, s.Modules),
		s.Layout.check(),
		s.Compress.check())...)
}

// CheckModules returns nil where a disk can have the given ramdisk and
// modules, as far as that shows without looking at the files.
func CheckModules(ramdisk string, modules []Module) error {
	var faults []error
	if ramdisk != "" && len(modules) > 0 {
		faults = append(faults, errors.New("there are a ramdisk and modules, and PV-GRUB would drop the ramdisk: give it as the first module, or leave the modules out"))
	}
	if len(modules) > maxModules {
		faults = append(faults, fmt.Errorf("there are %d modules, and at most %d fit: pack some into one", len(modules), maxModules))
	}
	for i, m := range modules {
		if m.Path == "" {
			faults = append(faults, fmt.Errorf("module %d has no path: name its file", i+1))
		}
		faults = append(faults, checkLine(fmt.Sprintf("module %d: arguments", i+1), m.Arguments))
	}
	return errors.Join(faults...)
}
