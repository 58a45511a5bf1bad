package image

import (
	"slices"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// Each known kind of file is named by its content.
func TestFileTypes(t *testing.T) {
	at := func(off int, text string) string { return strings.Repeat("\x00", off) + text }
	for image, want := range map[string]string{
		"QFI\xfb\x00\x00\x00\x03":                    "QEMU disk image (qcow2)",
		"KDMV\x01\x00\x00\x00":                       "VMware disk image",
		"# Disk DescriptorFile\nversion=1\n":         "VMware disk image",
		"conectix\x00\x00\x00\x02":                   "Hyper-V disk image (vhd)",
		"vhdxfile":                                   "Hyper-V disk image (vhdx)",
		"<<< Oracle VM" + at(51, "\x7f\x10\xda\xbe"): "VirtualBox disk image",
		at(32769, "CD001"):                           "CD image",
		at(510, "\x55\xaa"):                          "raw disk image or a boot sector (MBR)",
		at(510, "\x55\xaaEFI PART"):                  "raw disk image with a GPT",
		at(1080, "\x53\xef"):                         "ext2, ext3 or ext4",
		"hsqs":                                       "squashfs",
		"MZ" + at(54, "ARM\x64"):                     "Linux kernel for ARM",
		"MZ\x90\x00":                                 "Windows or EFI program",
		"\xcf\xfa\xed\xfe":                           "macOS program",
		"\xca\xfe\xba\xbe\x00\x00\x00\x34":           "Java class",
		"\x00asm\x01\x00\x00\x00":                    "WebAssembly",
		"FOR1\x00\x00\x01\x00BEAM":                   "BEAM module",
		"Caml1999X031":                               "OCaml compiler",
		"!<arch>\ndebian-binary":                     "library (ar) or a Debian package",
		"\xed\xab\xee\xdb\x03":                       "RPM package",
		"070701":                                     "ramdisk (cpio)",
		"7z\xbc\xaf\x27\x1c":                         "7z archive",
		"Rar!\x1a\x07\x00":                           "RAR archive",
		"\x1f\x9d\x90":                               "compressed with compress(1)",
		"\x27\x05\x19\x56":                           "U-Boot",
		"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "Git LFS",
		"#!/bin/sh\nexit 0\n":                               "a script",
		"\n<!DOCTYPE html>\n<html>":                         "web page",
		"name = 'app'\nkernel = 'app.img'\n":                "domain configuration",
		"some text\n":                                       "is text",
		string(packGzip(packGzip(kerneltest.PV().Bytes()))): "compressed twice (the inner format is gzip)",
		string(packGzip(packGzip(tarOf(file("kernel", kerneltest.PV().Bytes()))))): "compressed twice (the inner format is gzip)",
		"\x01\x02": `starts with "\x01\x02"`,
	} {
		r := inspectBytes(t, []byte(image))
		if got := codes(r.Problems); !slices.Equal(got, []string{"not-a-kernel"}) || !strings.Contains(r.Problems[0].Text, want) {
			t.Errorf("%.20q: %v, want %q", image, r.Problems, want)
		}
	}
}

// An archive in an archive isn't searched.
func TestArchiveInArchive(t *testing.T) {
	inner := tarOf(file("kernel", kerneltest.PV().Bytes()))
	for want, image := range map[string][]byte{
		"a tar archive": tarOf(file("inner.tar", inner)),
		"a zip archive": tarOf(file("inner.tar", zipOf(file("kernel", kerneltest.PV().Bytes())))),
	} {
		r := openWith(t, image, OpenOptions{Member: "inner.tar"}).Facts()
		if whole(r) || !strings.Contains(r.Problems[0].Text, want) {
			t.Errorf("%v, want %q", r.Problems, want)
		}
		if got := codes(inspectBytes(t, image).Problems); !slices.Equal(got, []string{"archive-no-kernel"}) {
			t.Errorf("%q", got)
		}
	}
}
