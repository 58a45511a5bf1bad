package xenpv

import (
	"errors"
	"fmt"
)

// Report is what [Inspect] says of an image. Its JSON form is a contract that
// scripts rely on: fields are only ever added, at the end.
type Report struct {
	Format      string    `json:"format"`      // "elf64", "elf32", or "" where there is no ELF
	Arch        string    `json:"arch"`        // "x86_64", "i386", or "" for any other
	Boot        string    `json:"boot"`        // "pv", "pvh" where the kernel starts only as PVH, else "none"
	GuestOS     string    `json:"guest_os"`    // what the image calls itself (GUEST_OS)
	Loader      string    `json:"loader"`      // LOADER
	XenVersion  string    `json:"xen_version"` // XEN_VERSION, or XEN_VER in the legacy section
	Source      string    `json:"source"`      // where these stand: "notes", "section" (__xen_guest), or ""
	System      string    `json:"system"`      // the system that made it, such as "mirage", or "unknown"
	Compression string    `json:"compression"` // how the file as a whole is packed: "none", "gzip", ...
	Payload     string    `json:"payload"`     // "elf", "bzimage", or "" where it is neither
	KernelSize  int64     `json:"kernel_size"` // bytes of the ELF or bzImage, freed from Compression
	PVGRUB      bool      `json:"pvgrub"`      // PV-GRUB can start it once it is on a disk
	Problems    []Finding `json:"problems"`    // why PV-GRUB can't; empty where PVGRUB is true, never nil
	Warnings    []Finding `json:"warnings"`    // what to mind although it starts; never nil

	// PayloadCompression is how a bzImage packs its ELF: "gzip", "xz", ...
	PayloadCompression string `json:"payload_compression,omitempty"`
	// Archive is the format of the archive that the kernel is in: "tar" or
	// "zip". Compression then is the archive's, or else its member's.
	Archive string `json:"archive,omitempty"`
	// Member is the path of the kernel in the archive.
	Member string `json:"member,omitempty"`
	// MaxMemoryMiB is the most memory in MiB that the system stands; 0 where
	// no limit is known.
	MaxMemoryMiB int64 `json:"max_memory_mib,omitempty"`
}

// Finding is one thing to know about an image: a stable kebab-case word for
// scripts, and a text that names the value, the rule and the remedy. A problem
// found is also the error that ends the reading.
type Finding struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Error returns the text.
func (f Finding) Error() string { return f.Text }

func finding(code, format string, args ...any) Finding {
	return Finding{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Err returns nil where PV-GRUB can start the image, else an error that joins
// all problems, one a line.
func (r *Report) Err() error {
	if r.PVGRUB {
		return nil
	}
	problems := make([]error, 0, len(r.Problems))
	for _, p := range r.Problems {
		problems = append(problems, p)
	}
	return errors.Join(problems...)
}

// refuse takes over problems, each of which is or wraps a [Finding].
func (r *Report) refuse(problems ...error) {
	for _, err := range problems {
		if problem, ok := errors.AsType[Finding](err); ok {
			r.Problems = append(r.Problems, problem)
		}
	}
}

func (r *Report) warn(warnings ...Finding) {
	r.Warnings = append(r.Warnings, warnings...)
}
