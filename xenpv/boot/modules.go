package boot

import (
	"errors"
	"fmt"
)

// maxModules is the most modules on a disk. With the longest arguments, they fill 18
// of the 24 KiB that GRUB 0.97 has for the words of a kernel and all its modules (MB_CMDLINE_BUFLEN in stage2/shared.h).
const maxModules = 16

// A Module is a file that is loaded with the kernel.
type Module struct {
	// Path is the local file. PV-GRUB and GRUB 2 decompress it if it is
	// gzip-compressed.
	Path string
	// Arguments are passed to the guest with the module. The rules are those of
	// a command line.
	Arguments string
}

// CheckModules returns nil if a disk can have the given ramdisk and modules. It
// doesn't read the files.
func CheckModules(ramdisk string, modules []Module) error {
	var faults []error
	if ramdisk != "" && len(modules) > 0 {
		faults = append(faults, errors.New("a ramdisk and modules are both specified, but PV-GRUB would drop the ramdisk: make it the first module, or remove the modules"))
	}
	if len(modules) > maxModules {
		faults = append(faults, fmt.Errorf("%d modules are specified; at most %d are supported: combine some of them", len(modules), maxModules))
	}
	for i, m := range modules {
		if m.Path == "" {
			faults = append(faults, fmt.Errorf("module %d has no path: specify its file", i+1))
		}
		faults = append(faults, checkLine(fmt.Sprintf("module %d: arguments", i+1), m.Arguments))
	}
	return errors.Join(faults...)
}
