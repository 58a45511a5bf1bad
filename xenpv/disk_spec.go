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
	// Size is the disk's size in bytes, a multiple of 512 and at most
	// MaxDiskSize. 0 makes it as small as it can be, in whole MiB.
	Size int64
	// Compress says how the kernel is stored. The zero value is CompressAuto.
	Compress Compress
	// Title names the entry in the boot menu, and so on the console. The zero
	// value is "unikernel".
	Title string
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
		s.Compress.check())...)
}
