package xenpv

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

func TestReportOfNotes(t *testing.T) {
	got := reportOf(t, kerneltest.PV().Bytes())
	want := &Report{
		Format: "elf64", Arch: "x86_64", Boot: "pv", GuestOS: "Unikraft", Loader: "generic", XenVersion: "xen-3.0",
		Source: "notes", System: "unikraft", Compression: "none", Payload: "elf", KernelSize: int64(len(kerneltest.PV().Bytes())),
		PVGRUB: true, Problems: []image.Finding{}, Warnings: got.Warnings, Methods: got.Methods,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := got.Err(); err != nil {
		t.Error(err)
	}
	if got := bootsBy(got); got != "pv-grub pv-shim" {
		t.Errorf("boots by %q", got)
	}
}

func TestReportOfLegacySection(t *testing.T) {
	k := kerneltest.Legacy(kerneltest.MirageLegacy).I386()
	k.Legacy += ",PAE=yes[extended-cr3]"
	got := reportOf(t, k.Bytes())
	want := &Report{
		Format: "elf32", Arch: "i386", Boot: "pv", GuestOS: "Mirage", Loader: "generic", XenVersion: "xen-3.0",
		Source: "section", System: "mirage", Compression: "none", Payload: "elf", KernelSize: int64(len(k.Bytes())),
		PVGRUB: true, Problems: []image.Finding{}, Warnings: got.Warnings, Methods: got.Methods,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDebianImages compares the reports on real kernels with what Xen does with
// them: each one that is PV here starts as PV, the others don't.
func TestDebianImages(t *testing.T) {
	dir := oracle.DebianImages(t)
	mach := Report{GuestOS: "GNU Mach", Loader: "generic", XenVersion: "xen-3.0", Source: "section", System: "gnumach", Compression: "gzip", Payload: "elf"}
	grub := Report{GuestOS: "GRUB", Loader: "generic", XenVersion: "xen-3.0", Source: "notes", System: "grub", Compression: "none", Payload: "elf"}
	linux := Report{GuestOS: "linux", Loader: "generic", XenVersion: "xen-3.0", Source: "notes", System: "linux", Compression: "none", Payload: "bzimage"}
	for _, test := range []struct {
		file, arch, boot      string
		report                Report
		problem, compressedBy string
		methods               string
	}{
		{"gnumach-amd64.gz", "x86_64", "pv", mach, "", "", "pv-grub pv-shim"},
		{"gnumach-i386.gz", "i386", "pv", mach, "", "", "pv-grub pv-shim"},
		{"grub-x86_64-xen.bin", "x86_64", "pv", grub, "", "", "pv-grub pv-shim"},
		{"grub-i386-xen.bin", "i386", "pv", grub, "", "", "pv-grub pv-shim"},
		{"grub-i386-xen_pvh.bin", "i386", "pvh", Report{Source: "notes", System: "grub", Compression: "none", Payload: "elf"}, "pvh-only", "", ""},
		{"vmlinuz-amd64", "x86_64", "pv", linux, "", "xz", "pv-grub pv-shim"},
		{"vmlinuz-cloud-amd64", "x86_64", "pv", linux, "", "lz4", "pv-grub pv-shim"},
		{"vmlinuz-686-pae", "i386", "pvh", linux, "pvh-only", "xz", ""},
		{"xen-shim", "i386", "pvh", Report{Source: "notes", System: "unknown", Compression: "none", Payload: "elf"}, "pvh-only", "", "multiboot"},
		{"xen-hypervisor.gz", "i386", "none", Report{System: "unknown", Compression: "gzip", Payload: "elf"}, "not-xen", "", "multiboot"},
		{"hvmloader", "i386", "none", Report{System: "unknown", Compression: "none", Payload: "elf"}, "not-xen", "", ""},
	} {
		t.Run(test.file, func(t *testing.T) {
			report, err := Inspect(t.Context(), filepath.Join(dir, test.file), image.OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			got, want := *report, test.report
			want.Arch, want.Boot, want.PayloadCompression = test.arch, test.boot, test.compressedBy
			want.Format = map[string]string{"x86_64": "elf64", "i386": "elf32"}[test.arch]
			want.PVGRUB = test.problem == ""
			if problems := codes(got.Problems); len(problems) > 1 || !want.PVGRUB && !slices.Equal(problems, []string{test.problem}) {
				t.Errorf("problems %q, want %q", problems, test.problem)
			}
			if got := bootsBy(report); got != test.methods {
				t.Errorf("boots by %q, want %q", got, test.methods)
			}
			want.KernelSize, want.Problems, want.Warnings, want.Methods = got.KernelSize, got.Problems, got.Warnings, got.Methods
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// bootsBy returns the names of the methods that can boot an image.
func bootsBy(r *Report) string {
	var names []string
	for _, m := range r.Methods {
		if m.OK {
			names = append(names, m.Method)
		}
	}
	return strings.Join(names, " ")
}

// reportOf inspects an image in memory.
func reportOf(t testing.TB, data []byte) *Report {
	t.Helper()
	f, err := image.Inspect(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return NewReport(f)
}

// codes lists the codes of findings.
func codes(findings []image.Finding) []string {
	var codes []string
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	return codes
}
