package xenpv

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/judge"
)

// TestDebianImages holds the reports on real kernels against what Xen makes of
// them: each one that is PV here starts as PV, the others don't.
func TestDebianImages(t *testing.T) {
	dir := judge.DebianImages(t)
	mach := Report{GuestOS: "GNU Mach", Loader: "generic", XenVersion: "xen-3.0", Source: "section", System: "gnumach", Compression: "gzip", Payload: "elf"}
	grub := Report{GuestOS: "GRUB", Loader: "generic", XenVersion: "xen-3.0", Source: "notes", System: "grub", Compression: "none", Payload: "elf"}
	linux := Report{GuestOS: "linux", Loader: "generic", XenVersion: "xen-3.0", Source: "notes", System: "linux", Compression: "none", Payload: "bzimage"}
	for _, test := range []struct {
		file, arch, boot  string
		report            Report
		problem, packedBy string
	}{
		{"gnumach-amd64.gz", "x86_64", "pv", mach, "", ""},
		{"gnumach-i386.gz", "i386", "pv", mach, "", ""},
		{"grub-x86_64-xen.bin", "x86_64", "pv", grub, "", ""},
		{"grub-i386-xen.bin", "i386", "pv", grub, "", ""},
		{"grub-i386-xen_pvh.bin", "i386", "pvh", Report{Source: "notes", System: "grub", Compression: "none", Payload: "elf"}, "pvh-only", ""},
		{"vmlinuz-amd64", "x86_64", "pv", linux, "", "xz"},
		{"vmlinuz-cloud-amd64", "x86_64", "pv", linux, "", "lz4"},
		{"vmlinuz-686-pae", "i386", "pvh", linux, "pvh-only", "xz"},
		{"xen-shim", "i386", "pvh", Report{Source: "notes", System: "unknown", Compression: "none", Payload: "elf"}, "pvh-only", ""},
		{"xen-hypervisor.gz", "i386", "none", Report{System: "unknown", Compression: "gzip", Payload: "elf"}, "not-xen", ""},
		{"hvmloader", "i386", "none", Report{System: "unknown", Compression: "none", Payload: "elf"}, "not-xen", ""},
	} {
		t.Run(test.file, func(t *testing.T) {
			im := openKernel(t, filepath.Join(dir, test.file))
			got, want := *im.Report(), test.report
			want.Arch, want.Boot, want.PayloadCompression = test.arch, test.boot, test.packedBy
			want.Format = map[string]string{"x86_64": "elf64", "i386": "elf32"}[test.arch]
			want.PVGRUB = test.problem == ""
			if problems := codes(got.Problems); len(problems) > 1 || !want.PVGRUB && !slices.Equal(problems, []string{test.problem}) {
				t.Errorf("problems %q, want %q", problems, test.problem)
			}
			want.KernelSize, want.Problems, want.Warnings = got.KernelSize, got.Problems, got.Warnings
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
