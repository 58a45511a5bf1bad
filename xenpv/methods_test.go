package xenpv

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/bootsector"
)

func debianImage(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(oracle.DebianImages(t), name)
}

// shim is Debian's xen-shim, as the tests of images have it.
func shim(t *testing.T) string {
	t.Helper()
	return debianImage(t, "xen-shim")
}

// content is the SHA-256 of the used part of a disk.
func content(t *testing.T, d *Disk) [32]byte {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(d, 0, d.Used())); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

// The disk of each BIOS method has a boot sector, still is a file system for
// e2fsck and for debugfs, and the same input makes the same bytes.
func TestBIOSMethods(t *testing.T) {
	for _, test := range []struct {
		method, image string
		layout        disk.Layout
		files         []string // besides the kernel
	}{
		{"pv-shim", "grub-x86_64-xen.bin", disk.LayoutWholeDisk, []string{"/boot/xen-shim", "/boot/xen-shim.txt", "/boot/stage2", "/boot/grub/menu.lst"}},
		{"pv-shim", "grub-x86_64-xen.bin", disk.LayoutPartitioned, []string{"/boot/xen-shim", "/boot/stage2"}},
		{"multiboot", "gnumach-486.gz", disk.LayoutWholeDisk, []string{"/boot/stage2"}},
		{"multiboot", "xen-hypervisor.gz", disk.LayoutPartitioned, []string{"/boot/stage2"}},
	} {
		t.Run(test.method+" "+test.image+" "+string(test.layout), func(t *testing.T) {
			line := "hello world"
			spec := Spec{Image: debianImage(t, test.image), Method: test.method, Shim: shim(t), Layout: test.layout, CommandLine: &line}
			d := wrapped(t, spec)
			if d.Method.Name() != test.method || d.Method.Registration().VirtualizationType != "hvm" || d.Method.Registration().NeedsAKI {
				t.Errorf("method %s, registration %+v", d.Method.Name(), d.Method.Registration())
			}
			head := make([]byte, 512)
			if _, err := d.ReadAt(head, 0); err != nil {
				t.Fatal(err)
			}
			if err := bootsector.CheckSignature(head); err != nil {
				t.Error(err)
			}
			for _, path := range append(test.files, "/boot/kernel") {
				if len(d.Extents(strings.TrimPrefix(path, "/"))) != 1 {
					t.Errorf("%s isn't on the disk", path)
				}
			}
			if content(t, d) != content(t, wrapped(t, spec)) {
				t.Error("the same input makes other bytes")
			}
		})
	}
}

func wrapped(t *testing.T, spec Spec) *Disk {
	t.Helper()
	d, err := Wrap(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// A disk that boots by itself is used as it is; what it lacks is zeros.
func TestDiskMethod(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.raw")
	data := make([]byte, 3<<20+512)
	data[0], data[510], data[511], data[len(data)-1] = 0xfa, 0x55, 0xaa, 7
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	d := wrapped(t, Spec{Image: path, Size: 1 << 30})
	if d.Method != boot.Disk || d.Size() != 1<<30 || d.Method.Registration().RootDevice != "/dev/xvda" {
		t.Errorf("method %s, %d bytes, %+v", d.Method.Name(), d.Size(), d.Method.Registration())
	}
	if content(t, d) != sha256.Sum256(data) {
		t.Error("the disk differs from the file")
	}
	blocks, err := d.Blocks(t.Context())
	if err != nil || len(blocks) != 2 || blocks[1].Index != 6 {
		t.Errorf("blocks %+v, error %v", blocks, err)
	}
}

// What a method can't boot is refused before anything is written, with the way
// out.
func TestMethodsRefuse(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, change func([]byte)) string {
		data := make([]byte, 1<<20)
		change(data)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	gpt := file("gpt.raw", func(d []byte) { d[510], d[511] = 0x55, 0xaa; copy(d[512:], "EFI PART") })
	qcow := file("disk.qcow2", func(d []byte) { copy(d, "QFI\xfb") })
	empty := file("empty.raw", func(d []byte) { d[510], d[511] = 0x55, 0xaa })
	pv, mach := debianImage(t, "grub-x86_64-xen.bin"), debianImage(t, "gnumach-486.gz")
	for name, test := range map[string]struct {
		spec Spec
		want string
	}{
		"a PV kernel by multiboot":    {Spec{Image: pv, Method: "multiboot"}, "use the boot method pv-grub or pv-shim"},
		"a multiboot kernel as PV":    {Spec{Image: mach, Method: "pv-shim", Shim: shim(t)}, "multiboot"},
		"a kernel as a disk":          {Spec{Image: pv, Method: "disk"}, "the image is not a disk"},
		"a GPT without boot code":     {Spec{Image: gpt, Method: "disk"}, "set boot_mode to uefi"},
		"an MBR without boot code":    {Spec{Image: empty, Method: "disk"}, "no boot code"},
		"a qcow2":                     {Spec{Image: qcow, Method: "disk"}, "qemu-img convert -O raw"},
		"no such method":              {Spec{Image: pv, Method: "bios"}, `boot method "bios" is unknown`},
		"no such shim":                {Spec{Image: pv, Method: "pv-shim", Shim: filepath.Join(dir, "none")}, "open shim"},
		"a shim that is none":         {Spec{Image: pv, Method: "pv-shim", Shim: mach}, "not Xen's PV shim"},
		"a shim without a header":     {Spec{Image: pv, Method: "pv-shim", Shim: qcow}, "no multiboot header"},
		"modules by the shim":         {Spec{Image: pv, Method: "pv-shim", Shim: shim(t), Modules: []boot.Module{{Path: mach}}}, "remove them, or use pv-grub"},
		"a command line for a disk":   {Spec{Image: file("boots.raw", func(d []byte) { d[0], d[510], d[511] = 1, 0x55, 0xaa }), CommandLine: new(string), Ramdisk: pv}, "used as it is: remove the ramdisk"},
		"a layout for a disk":         {Spec{Image: file("boots.raw", func(d []byte) { d[0], d[510], d[511] = 1, 0x55, 0xaa }), Layout: disk.LayoutPartitioned, Compress: boot.CompressGzip}, "remove the compression, the layout"},
		"a kernel larger than memory": {Spec{Image: debianImage(t, "vmlinuz-amd64"), Method: "multiboot"}, "multiboot"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Wrap(context.Background(), test.spec)
			if err == nil {
				_ = d.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want %q", err, test.want)
			}
		})
	}
}

// A disk with a GPT and no boot code is accepted if it is to boot by UEFI.
func TestUEFIDisk(t *testing.T) {
	sectors := make([]byte, 4096)
	sectors[510], sectors[511] = 0x55, 0xaa
	copy(sectors[512:], "EFI PART")
	path := filepath.Join(t.TempDir(), "uefi.raw")
	if err := os.WriteFile(path, sectors, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"disk", boot.Auto} {
		if d := wrapped(t, Spec{Image: path, Method: method, UEFI: true}); d.Method != boot.Disk {
			t.Errorf("%s: method %v", method, d.Method)
		}
		if _, err := Wrap(t.Context(), Spec{Image: path, Method: method}); err == nil {
			t.Errorf("%s: accepted without UEFI", method)
		}
	}
}

// Without a method the first that works is taken, and a refusal is that of
// PV-GRUB.
func TestAutoMethod(t *testing.T) {
	for image, want := range map[string]string{"grub-x86_64-xen.bin": "pv-grub", "gnumach-486.gz": "multiboot", "gnumach-i386.gz": "pv-grub"} {
		if d := wrapped(t, Spec{Image: debianImage(t, image)}); d.Method.Name() != want {
			t.Errorf("%s: %s; want %s", image, d.Method.Name(), want)
		}
	}
	volume := filepath.Join(t.TempDir(), "fat.img") // a volume for data
	sector := make([]byte, 512)
	copy(sector, "\x00\x00\x00ocamlfat")
	sector[510], sector[511] = 0x55, 0xaa
	if err := os.WriteFile(volume, sector, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{debianImage(t, "grub-i386-xen_pvh.bin"), volume} {
		_, err := Wrap(t.Context(), Spec{Image: image})
		if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Method != "pv-grub" {
			t.Errorf("%s: error %v", image, err)
		}
	}
}
