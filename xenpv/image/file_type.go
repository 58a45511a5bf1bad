package image

import (
	"fmt"
	"regexp"
	"strings"
)

// fileType is a type of file that users mistake for a kernel.
type fileType struct {
	at     uint64
	magic  string
	name   string // with its article, if it needs one
	remedy string
}

// Remedies that several types share.
const (
	remedyDisk    = "specify the Xen PV kernel on it, if there is one; if the disk boots by itself, use the boot method disk"
	remedyUnpack  = "extract the kernel and specify that file"
	remedyProgram = "it runs only on its own system: build the program into a Xen PV unikernel and specify that"
)

// fileTypes are tried in this order. The magic numbers are those of the formats'
// specifications, as in file(1).
var fileTypes = []fileType{
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
	{0, "FOR1", "a BEAM module of Erlang", "specify the image that railing builds from it (railing image)"},
	{0, "Caml1999", "a file of the OCaml compiler", "specify the image that mirage builds from it (mirage configure -t xen, mirage build)"},
	{0, "!<arch>\n", "a library (ar) or a Debian package", remedyUnpack},
	{0, "\xed\xab\xee\xdb", "an RPM package", remedyUnpack},
	{0, "070701", "a ramdisk (cpio)", "specify it as the ramdisk of a kernel"},
	{0, "07070", "a cpio archive", remedyUnpack},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive", remedyUnpack},
	{0, "Rar!", "a RAR archive", remedyUnpack},
	{0, "PK\x07\x08", "a zip archive in several parts", remedyUnpack},
	{0, "PK\x03\x04", "a zip archive", remedyUnpack},
	{0, "\x1f\x9d", "compressed with compress(1)", "decompress it, or compress it with gzip"},
	{0, "\x27\x05\x19\x56", "an image for U-Boot", "specify the kernel itself"},
	{0, "version https://git-lfs", "a Git LFS pointer without its file", "fetch the file (git lfs pull)"},
	{0, "#!/usr/bin/env escript", "an Erlang script, such as railing", "run it (railing image) and specify the image that it builds"},
	{0, "#!", "a script", "specify the kernel that it builds or starts"},
	{510, "\x55\xaa", "a raw disk image or a boot sector (MBR)", remedyDisk},
}

// fileTypeOf recognizes the type of a file by its content; nil if it is unknown.
func fileTypeOf(b *blob) *fileType {
	for i, f := range fileTypes {
		if b.hasAt(f.at, f.magic) {
			return &fileTypes[i]
		}
	}
	switch start, _ := b.bytes(0, min(textSize, b.size)); {
	case archiveFormat(b) == "tar":
		return &fileType{name: "a tar archive", remedy: remedyUnpack}
	case compressionOf(b) != nil:
		return &fileType{name: "compressed twice (the inner format is " + compressionOf(b).name + ")", remedy: "decompress it and specify the kernel"}
	case IsDomainConfig(start):
		return &fileType{name: "a domain configuration", remedy: "use it where a domain_config or xl configuration is accepted, or specify the kernel that it names"}
	case isText(start) && strings.HasPrefix(strings.TrimSpace(string(start)), "<"):
		return &fileType{name: "a web page or XML", remedy: "if it was downloaded, the download failed: look at the file and download the kernel again"}
	case isText(start):
		return &fileType{name: "text", remedy: "specify the kernel itself"}
	}
	return nil
}

// textSize is the number of bytes that are read to recognize text.
const textSize = 4096

// isText reports whether bytes could be the start of text, in any character set
// that includes ASCII.
func isText(p []byte) bool {
	for _, c := range p {
		if c < ' ' && !strings.ContainsRune("\n\t\r\f\x1b", rune(c)) || c == 0x7f {
			return false
		}
	}
	return len(p) > 0
}

// notKernel returns the finding for a file that is neither an ELF nor a bzImage.
func notKernel(b *blob) Finding {
	if f := fileTypeOf(b); f != nil {
		return Findingf("not-a-kernel", "the image is %s, not a kernel: %s", f.name, f.remedy)
	}
	start, _ := b.bytes(0, min(8, b.size))
	return Findingf("not-a-kernel", "the image starts with %q, so it is not an ELF or a bzImage, plain or compressed with gzip, bzip2, xz, lzma, lzo, lz4 or zstd: specify the kernel file", start)
}

// knownMembers show what an archive is for.
var knownMembers = []struct{ name, hint string }{
	{"META-INF/MANIFEST.MF", "it is a Java archive for a JVM; OSv can run it, as an HVM AMI"},
	{"oci-layout", "it is a container image, which uses its host's kernel: build its program into a unikernel"},
	{"manifest.json", "it may be a container image, which uses its host's kernel: build its program into a unikernel"},
}

// memberHint returns what a member that is not a kernel shows about an archive
// without one.
func memberHint(name string, head *blob) string {
	for _, t := range knownMembers {
		if t.name == name {
			return "; " + t.hint
		}
	}
	if f := fileTypeOf(head); f != nil && f.remedy == remedyDisk {
		return fmt.Sprintf("; its member %q is %s (%s)", name, f.name, f.remedy)
	}
	return ""
}

// configLine matches the start of a setting that most xl configurations have.
var configLine = regexp.MustCompile(`(?m)^[ \t]*(name|kernel|extra|cmdline|memory|maxmem|ramdisk|vif|disk|type|builder|bootloader|vcpus|on_crash)[ \t]*(\+?=|$)`)

// IsDomainConfig reports whether a file that starts with these bytes is an xl
// configuration, even a faulty one: text, but not a script, with a line that is a
// setting.
func IsDomainConfig(start []byte) bool {
	return isText(start) && !strings.HasPrefix(string(start), "#!") && configLine.Match(start)
}
