package image

import (
	"fmt"
	"regexp"
	"strings"
)

// foreign is a kind of file that users take for a kernel and that isn't one.
type foreign struct {
	at     uint64
	magic  string
	name   string // with its article
	remedy string
}

// What to do with kinds that several formats share.
const (
	remedyDisk    = "give the Xen PV kernel on it, if there is one; an HVM system's disk becomes an AMI by EC2's ImportSnapshot and RegisterImage with hvm"
	remedyUnpack  = "unpack it, and give the kernel in it"
	remedyProgram = "it runs on its system only: build the program into a Xen PV unikernel, and give that"
)

// foreigners are looked through in this order. Magics are those of the formats'
// own specifications, as file(1) knows them.
var foreigners = []foreign{
	{0, "QFI\xfb", "a QEMU disk image (qcow2)", remedyDisk},
	{0, "KDMV", "a VMware disk image (vmdk)", remedyDisk},
	{0, "# Disk DescriptorFile", "the description of a VMware disk image (vmdk)", remedyDisk},
	{0, "conectix", "a Hyper-V disk image (vhd)", remedyDisk},
	{0, "vhdxfile", "a Hyper-V disk image (vhdx)", remedyDisk},
	{64, "\x7f\x10\xda\xbe", "a VirtualBox disk image (vdi)", remedyDisk},
	{32769, "CD001", "a CD image (iso)", remedyDisk},
	{512, "EFI PART", "a raw disk image with a GPT", remedyDisk},
	{1080, "\x53\xef", "an ext2, ext3 or ext4 file system", remedyDisk},
	{0, "hsqs", "a squashfs file system", remedyUnpack},
	{0x38, "ARM\x64", "a Linux kernel for ARM", "PV-GRUB starts kernels for x86_64 and i386: build it for one of these"},
	{0, "MZ", "a Windows or EFI program (PE)", remedyProgram},
	{0, "\xcf\xfa\xed\xfe", "a macOS program (Mach-O)", remedyProgram},
	{0, "\xce\xfa\xed\xfe", "a macOS program (Mach-O)", remedyProgram},
	{0, "\xca\xfe\xba\xbe", "a Java class or a macOS program", remedyProgram},
	{0, "\x00asm", "a WebAssembly module", remedyProgram},
	{0, "FOR1", "a BEAM module of Erlang", "give the image that railing makes of it (railing image)"},
	{0, "Caml1999", "a file of the OCaml compiler", "give the image that mirage makes of it (mirage configure -t xen, mirage build)"},
	{0, "!<arch>\n", "a library (ar) or a Debian package", remedyUnpack},
	{0, "\xed\xab\xee\xdb", "an RPM package", remedyUnpack},
	{0, "070701", "a ramdisk (cpio)", "give it as the ramdisk, beside a kernel"},
	{0, "07070", "a cpio archive", remedyUnpack},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive", remedyUnpack},
	{0, "Rar!", "a RAR archive", remedyUnpack},
	{0, "PK\x07\x08", "a zip archive in several parts", remedyUnpack},
	{0, "PK\x03\x04", "a zip archive", remedyUnpack},
	{0, "\x1f\x9d", "packed by compress", "unpack it, or pack it with gzip"},
	{0, "\x27\x05\x19\x56", "an image for U-Boot", "give the kernel itself"},
	{0, "version https://git-lfs", "a pointer of Git LFS, without the file that it stands for", "fetch that (git lfs pull)"},
	{0, "#!/usr/bin/env escript", "an Erlang script, as railing is one", "run it (railing image), and give the image that it makes"},
	{0, "#!", "a script", "give the kernel that it makes or starts"},
	{510, "\x55\xaa", "a raw disk image or a boot sector (MBR)", remedyDisk},
}

// foreignOf finds out which kind of file b is, by its content; nil where that
// isn't known.
func foreignOf(b *blob) *foreign {
	for i, f := range foreigners {
		if b.hasAt(f.at, f.magic) {
			return &foreigners[i]
		}
	}
	switch start, _ := b.bytes(0, min(textSize, b.size)); {
	case archiveFormat(b) == "tar":
		return &foreign{name: "a tar archive", remedy: remedyUnpack}
	case packingOf(b) != nil:
		return &foreign{name: "packed with " + packingOf(b).name + " once more", remedy: "unpack it, and give the kernel"}
	case IsDomainConfig(start):
		return &foreign{name: "a domain's configuration", remedy: "give it where a domain_config or xl config is taken, or give the kernel that it names"}
	case isText(start) && strings.HasPrefix(strings.TrimSpace(string(start)), "<"):
		return &foreign{name: "a web page or an XML text", remedy: "if it was downloaded, the download has failed: look at it, and fetch the kernel again"}
	case isText(start):
		return &foreign{name: "a text", remedy: "give the kernel itself"}
	}
	return nil
}

// textSize is how much of a file is looked at to tell a text, in bytes.
const textSize = 4096

// isText says whether bytes could be the start of a text, in any character set
// that ASCII is a part of.
func isText(p []byte) bool {
	for _, c := range p {
		if c < ' ' && !strings.ContainsRune("\n\t\r\f\x1b", rune(c)) || c == 0x7f {
			return false
		}
	}
	return len(p) > 0
}

// notKernel is the finding for a file that is neither ELF nor bzImage.
func notKernel(b *blob) Finding {
	if f := foreignOf(b); f != nil {
		return Findingf("not-a-kernel", "the image is %s, not a kernel: %s", f.name, f.remedy)
	}
	start, _ := b.bytes(0, min(8, b.size))
	return Findingf("not-a-kernel", "the image begins with %q, which is neither an ELF nor a bzImage, nor one packed with gzip, bzip2, xz, lzma, lzo, lz4 or zstd: give the kernel file itself", start)
}

// Members that tell what an archive was made for.
var telltales = []struct{ name, hint string }{
	{"META-INF/MANIFEST.MF", "it is a Java archive, which a JVM runs: OSv can run one, as an HVM AMI"},
	{"oci-layout", "it is a container image, whose kernel is its host's: build its program into a unikernel"},
	{"manifest.json", "it may be a container image, whose kernel is its host's: build its program into a unikernel"},
}

// memberHint says what a member that is no kernel tells of an archive without
// one.
func memberHint(name string, head *blob) string {
	for _, t := range telltales {
		if t.name == name {
			return "; " + t.hint
		}
	}
	if f := foreignOf(head); f != nil && f.remedy == remedyDisk {
		return fmt.Sprintf("; its member %q is %s (%s)", name, f.name, f.remedy)
	}
	return ""
}

// configLine is the start of a setting that most configurations of xl have.
var configLine = regexp.MustCompile(`(?m)^[ \t]*(name|kernel|extra|cmdline|memory|maxmem|ramdisk|vif|disk|type|builder|bootloader|vcpus|on_crash)[ \t]*(\+?=|$)`)

// IsDomainConfig reports whether a file that starts with these bytes is a
// configuration for xl, even a faulty one: a text, but not a script, with a
// line of one.
func IsDomainConfig(start []byte) bool {
	return isText(start) && !strings.HasPrefix(string(start), "#!") && configLine.Match(start)
}
