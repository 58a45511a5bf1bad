package boot

import (
	"errors"
	"fmt"
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
