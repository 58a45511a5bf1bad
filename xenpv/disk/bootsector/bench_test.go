package bootsector

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// BenchmarkRead measures how long a machine takes from its start to the kernel's first
// line, with a module of 1 or 100 MiB, with the loader and with GRUB 2. IDE shows the
// BIOS, which reads by programmed I/O; AHCI shows the loader, since the BIOS uses DMA.
func BenchmarkRead(b *testing.B) {
	kernel := assemble(b, "testdata/kernel.asm", "-DELF32")
	first := regexp.MustCompile("magic=")
	machines := map[string]machine{
		"IDE":  {memory: 256, until: first},
		"AHCI": {memory: 256, until: first, disk: "none,id=d", args: []string{"-device", "ahci,id=a", "-device", "ide-hd,bus=a.0,drive=d"}},
	}
	for _, size := range []int{1 << 20, 100 << 20} {
		module := noise(size, 6)
		loader := filepath.Join(b.TempDir(), "loader.img")
		disk := testDisk{kernel: testFile{data: kernel}, modules: []testFile{{data: module}}}.image(b)
		if err := os.WriteFile(loader, disk, 0o600); err != nil {
			b.Fatal(err)
		}
		for _, boot := range []struct{ name, path string }{{"loader", loader}, {"GRUB", grubDisk(b, kernel, module)}} {
			for controller, m := range machines {
				b.Run(fmt.Sprintf("%s/%s/%dMiB", boot.name, controller, size>>20), func(b *testing.B) {
					b.SetBytes(int64(size))
					for range b.N {
						m.bootFile(b, boot.path)
					}
				})
			}
		}
	}
}

// BenchmarkDecompress is BenchmarkRead for a kernel of some 6 MB that is stored compressed.
func BenchmarkDecompress(b *testing.B) {
	data, err := os.ReadFile(filepath.Join(oracle.DebianImages(b), "xen-shim"))
	if err != nil {
		b.Fatal(err)
	}
	m := machine{memory: 256, until: regexp.MustCompile("magic=")}
	disk := testDisk{kernel: testFile{data: assemble(b, "testdata/kernel.asm", "-DELF32")}, modules: []testFile{{data: data, gzip: true}}}.image(b)
	b.SetBytes(int64(len(data)))
	for range b.N {
		m.boot(b, disk)
	}
}

// grubDisk returns the path of a disk with GRUB 2 and one ext2 partition, at 1 MiB.
func grubDisk(b *testing.B, kernel, module []byte) string {
	b.Helper()
	dir := b.TempDir()
	files := filepath.Join(dir, "files")
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	}
	write("files/kernel", kernel)
	write("files/module", module)
	script := write("early.cfg", []byte("multiboot (hd0,msdos1)/kernel\nmodule (hd0,msdos1)/module\nboot\n"))
	partition, core := filepath.Join(dir, "partition"), filepath.Join(dir, "core")
	blocks := len(module)/4096 + 4096
	command(b, oracle.Need(b, "mke2fs"), "-q", "-t", "ext2", "-b", "4096", "-I", "128", "-O", "none,filetype", "-d", files, partition, fmt.Sprint(blocks))
	command(b, oracle.Need(b, "grub-mkimage"), "-O", "i386-pc", "-p", "/", "-c", script, "-o", core, "biosdisk", "part_msdos", "ext2", "multiboot")
	boot, err := os.ReadFile("/usr/lib/grub/i386-pc/boot.img")
	if err != nil {
		oracle.Missing(b, err.Error())
	}
	disk := make([]byte, 2048*SectorSize)
	copy(disk, boot[:440])
	copy(disk[446:], []byte{0x80, 0, 0, 0, 0x83, 0, 0, 0})
	le.PutUint32(disk[454:], 2048)
	le.PutUint32(disk[458:], uint32(blocks*8))
	le.PutUint16(disk[510:], signature)
	for path, at := range map[string]int{core: SectorSize, partition: len(disk)} {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		disk = append(disk[:at], append(data, disk[min(len(disk), at+len(data)):]...)...)
	}
	return write("grub.img", disk)
}

func command(b *testing.B, name string, args ...string) {
	b.Helper()
	if out, err := exec.CommandContext(b.Context(), name, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
}
