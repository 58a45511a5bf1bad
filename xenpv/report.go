package xenpv

import (
	"context"
	"errors"
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
)

// A Report describes an image and whether PV-GRUB can start it. Its JSON form is
// a contract that scripts rely on: fields are only ever added, at the end.
type Report struct {
	Format      string          `json:"format"`      // "elf64", "elf32", or "" if there is no ELF
	Arch        string          `json:"arch"`        // "x86_64", "i386", or "" for any other
	Boot        string          `json:"boot"`        // "pv", "pvh" if the kernel starts only as PVH, else "none"
	GuestOS     string          `json:"guest_os"`    // what the image calls itself (GUEST_OS)
	Loader      string          `json:"loader"`      // LOADER
	XenVersion  string          `json:"xen_version"` // XEN_VERSION, or XEN_VER in the legacy section
	Source      string          `json:"source"`      // of these: "notes", "section" (__xen_guest), or ""
	System      string          `json:"system"`      // the system that made it, such as "mirage", or "unknown"
	Compression string          `json:"compression"` // of the file as a whole: "none", "gzip", ...
	Payload     string          `json:"payload"`     // "elf", "bzimage", or "" if it is neither
	KernelSize  int64           `json:"kernel_size"` // bytes of the ELF or bzImage, without Compression
	PVGRUB      bool            `json:"pvgrub"`      // PV-GRUB can start it once it is on a disk
	Problems    []image.Finding `json:"problems"`    // why PV-GRUB can't; empty if PVGRUB is true, never nil
	Warnings    []image.Finding `json:"warnings"`    // what to know although it starts; never nil

	// PayloadCompression is how a bzImage compresses its ELF: "gzip", "xz", ...
	PayloadCompression string `json:"payload_compression,omitempty"`
	// Archive is the format of the archive that the kernel is in: "tar" or
	// "zip". Compression then is the archive's, or else its member's.
	Archive string `json:"archive,omitempty"`
	// Member is the path of the kernel in the archive.
	Member string `json:"member,omitempty"`
	// MaxMemoryMiB is the most memory in MiB that the system supports; 0 if no
	// limit is known.
	MaxMemoryMiB int64 `json:"max_memory_mib,omitempty"`
	// Methods are all boot methods, and whether each can boot the image.
	Methods []MethodResult `json:"methods"`
}

// A MethodResult is whether a boot method can boot an image.
type MethodResult struct {
	Method   string          `json:"method"`
	OK       bool            `json:"ok"`
	Problems []image.Finding `json:"problems"` // why it can't; never nil
}

// Bootable reports whether any boot method can boot the image.
func (r *Report) Bootable() bool {
	return slices.ContainsFunc(r.Methods, func(m MethodResult) bool { return m.OK })
}

// Inspect reads the image at path. An error means that it could not be read;
// what is wrong with the image itself is in the report.
func Inspect(ctx context.Context, path string, options image.OpenOptions) (*Report, error) {
	im, err := image.OpenWith(ctx, path, options)
	if err != nil {
		return nil, err
	}
	return NewReport(im.Facts()), im.Close()
}

// NewReport applies the rules of PV-GRUB to what is known about an image.
func NewReport(f *image.Facts) *Report {
	problems := boot.PVGRUB.Check(f)
	r := &Report{
		Format: f.Format, Arch: f.Arch, Boot: boot.Protocol(f),
		GuestOS: f.Guest.OS, Loader: f.Guest.Loader, XenVersion: f.Guest.XenVersion, Source: f.Guest.Source,
		System: f.System, Compression: f.Compression, Payload: f.Payload, KernelSize: f.KernelSize,
		PVGRUB: len(problems) == 0, Problems: append([]image.Finding{}, problems...),
		Warnings:           append([]image.Finding{}, boot.PVGRUB.Warnings(f)...),
		PayloadCompression: f.PayloadCompression, Archive: f.Archive, Member: f.Member,
	}
	for _, m := range boot.Methods {
		problems := append([]image.Finding{}, m.Check(f)...)
		r.Methods = append(r.Methods, MethodResult{Method: m.Name(), OK: len(problems) == 0, Problems: problems})
	}
	if r.Boot == "pv" {
		r.MaxMemoryMiB = f.MaxMemoryMiB
		r.Warnings = append(r.Warnings, systemWarnings(f)...)
	}
	return r
}

// Err returns nil if PV-GRUB can start the image, else an error that joins all
// problems, one a line.
func (r *Report) Err() error {
	problems := make([]error, 0, len(r.Problems))
	for _, p := range r.Problems {
		problems = append(problems, p)
	}
	return errors.Join(problems...)
}
