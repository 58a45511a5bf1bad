package xenpv

import (
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/ext2"
)

// Advice returns what to mind when a guest is started from this disk: the
// image's warnings, then what its command line and what this disk give cause
// for.
func (d *Disk) Advice() []Finding {
	report := d.spec.Kernel.Report()
	advice := slices.Concat(report.Warnings, report.Advice(d.spec.CommandLine))
	if report.System == "rumprun" {
		advice = append(advice, d.adviseRumprun()...)
	}
	return advice
}

// adviseRumprun looks at a Rumprun that reads its configuration from its root
// file system, which it mounts from /dev/sda1 as a whole disk only.
func (d *Disk) adviseRumprun() []Finding {
	path, ok := rumprunRootConfig(d.spec.CommandLine)
	if !ok {
		return nil
	}
	var advice []Finding
	if d.spec.Layout == LayoutPartitioned {
		advice = append(advice, finding("rumprun-layout", "Rumprun reads %s from /dev/sda1 as a disk without partitions: use the layout %q", path, LayoutWholeDisk))
	}
	name := strings.Trim(path, "/")
	if !slices.ContainsFunc(d.files, func(f ext2.File) bool { return f.Path == name }) {
		advice = append(advice, finding("rumprun-no-config", "the command line has Rumprun read %s, and the disk has no such file: add it to the files", path))
	}
	return advice
}

// rumprunRootConfig returns the file that a command line tells Rumprun to read
// its configuration from.
func rumprunRootConfig(commandLine string) (path string, ok bool) {
	const key = "_RUMPRUN_ROOTFSCFG="
	for word := range strings.FieldsSeq(commandLine) {
		if path, ok := strings.CutPrefix(word, key); ok {
			return path, true
		}
	}
	return "", false
}
