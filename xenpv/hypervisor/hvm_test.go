package hypervisor

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/bootsector"
)

// needHVM skips the test if the device model isn't available.
func needHVM(t testing.TB) bundle {
	t.Helper()
	b, err := needXen(t).withDeviceModel(t.Context(), func(line string) { t.Log(line) })
	if err != nil {
		oracle.Missing(t, err.Error())
	}
	return b
}

// biosDisk makes a disk with the boot sector of testdata/boot.S. The sector
// writes text to the serial port and then takes the action.
func biosDisk(t testing.TB, text string, action byte) string {
	t.Helper()
	dir := t.TempDir()
	object, binary, path := filepath.Join(dir, "boot.o"), filepath.Join(dir, "boot.bin"), filepath.Join(dir, "disk.raw")
	run(t, "as", "--32", "-o", object, "testdata/boot.S")
	run(t, "ld", "-m", "elf_i386", "-Ttext=0x7c00", "--oformat=binary", "-o", binary, object)
	code, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	const actionOffset = 440
	if len(code) > actionOffset {
		t.Fatalf("the boot sector has %d bytes of code", len(code))
	}
	raw := make([]byte, 1<<20)
	copy(raw, code)
	raw[actionOffset], raw[bootMagicOffset], raw[bootMagicOffset+1] = action, 0x55, 0xaa
	copy(raw[sectorSize:], text)
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHVMEnds(t *testing.T) {
	needHVM(t)
	for want, action := range map[Exit]byte{Poweroff: 'p', Reboot: 'r', Crash: 'c'} {
		t.Run(string(want), func(t *testing.T) {
			console := new(buffer)
			d, err := boot(t, Spec{Virtualization: HVM, Disk: biosDisk(t, "sector 1 says hello\r\n", action), Console: console})
			if err != nil {
				t.Fatal(err)
			}
			exit, err := wait(t, d)
			if exit != want || err != nil {
				t.Errorf("Wait returned %q and %v, want %q", exit, err, want)
			}
			if want := "xenpv: started by BIOS\nsector 1 says hello\r\n"; console.String() != want {
				t.Errorf("the console shows %q, want %q", console, want)
			}
			t.Logf("%+v", d.Times())
		})
	}
}

// TestHVMDevices boots from each name that a root device may have.
func TestHVMDevices(t *testing.T) {
	needHVM(t)
	for _, device := range []string{"xvda", "sda1"} {
		console := new(buffer)
		if _, err := boot(t, Spec{Virtualization: HVM, Disk: biosDisk(t, device, 0), RootDevice: device, Console: console}); err != nil {
			t.Fatal(err)
		}
		console.waitFor(t, "BIOS\n"+device)
	}
}

func TestHVMWithTooLittleMemory(t *testing.T) {
	needHVM(t)
	_, err := boot(t, Spec{Virtualization: HVM, Disk: biosDisk(t, "", 0), MemoryMiB: 1})
	if err == nil || !strings.Contains(err.Error(), "xl could not create the domain") {
		t.Errorf("a guest of 1 MiB: %v", err)
	}
}

// shimDisk makes a disk whose BIOS loader starts Xen's PV shim, which starts the
// PV kernel, given by its path, with the arguments and further modules.
func shimDisk(t testing.TB, kernel, arguments string, modules ...string) string {
	t.Helper()
	shim := xenShim(t)
	header, err := bootsector.ParseMultiboot(bytes.NewReader(shim), int64(len(shim)))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(kernel)
	if err != nil {
		t.Fatal(err)
	}
	const stage2Start, filesStart = 2, 128 // sectors
	files := new(bytes.Buffer)
	file := func(data []byte, commandLine string) bootsector.File {
		extent := bootsector.Extent{Start: uint64(filesStart + files.Len()/sectorSize), Count: uint32((len(data) + sectorSize - 1) / sectorSize)}
		files.Write(data)
		files.Write(make([]byte, -len(data)&(sectorSize-1)))
		return bootsector.File{Extents: []bootsector.Extent{extent}, Size: int64(len(data)), CommandLine: commandLine}
	}
	table := bootsector.Table{
		Header: header, Kernel: file(shim, "xen-shim console=xen"),
		Modules: []bootsector.File{file(program, arguments)}, ModuleAddress: 64 << 20,
	}
	for _, module := range modules {
		table.Modules = append(table.Modules, file([]byte(module), ""))
	}
	stage2, err := bootsector.Stage2(table)
	if err != nil {
		t.Fatal(err)
	}
	sector, err := bootsector.Sector(bootsector.Extent{Start: stage2Start, Count: uint32((len(stage2) + sectorSize - 1) / sectorSize)})
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, filesStart*sectorSize+files.Len())
	copy(raw, sector)
	copy(raw[stage2Start*sectorSize:], stage2)
	copy(raw[filesStart*sectorSize:], files.Bytes())
	path := filepath.Join(t.TempDir(), "shim.raw")
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// xenShim returns Xen's PV shim from its package.
func xenShim(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	debs, err := downloadPackages(t.Context(), dir, []string{"xen-utils-4.17"})
	if err != nil {
		oracle.Missing(t, err.Error())
	}
	if out, err := exec.Command("dpkg-deb", "-x", debs[0], dir).CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v\n%s", debs[0], err, out)
	}
	shim, err := os.ReadFile(find(t, dir, "usr/lib/xen-4.17/boot/xen-shim"))
	if err != nil {
		t.Fatal(err)
	}
	return shim
}

// TestPVShim starts PV guests in an HVM guest. The shim also starts those of 32
// bits, which Xen itself refuses (see TestDiskThatDoesNotBoot).
func TestPVShim(t *testing.T) {
	needHVM(t)
	for name, kernel := range map[string]string{"64 bits": assemble(t), "32 bits": assemble32(t)} {
		t.Run(name, func(t *testing.T) {
			console := new(buffer)
			d, err := boot(t, Spec{Virtualization: HVM, Disk: shimDisk(t, kernel, "p in the shim"), Console: console})
			if err != nil {
				t.Fatal(err)
			}
			console.waitFor(t, "guest says: p in the shim\r\n")
			if exit, err := wait(t, d); exit != Poweroff || err != nil {
				t.Errorf("Wait returned %q and %v", exit, err)
			}
			t.Logf("%+v after %v", d.Times(), time.Since(d.Started()))
		})
	}
}

// TestPVShimSizes starts the smallest and the largest kernels that the shim has to
// find at 64 MiB, in little memory.
func TestPVShimSizes(t *testing.T) {
	needHVM(t)
	for _, test := range []struct{ kernelKiB, memoryMiB int }{{512, 96}, {512, 256}, {60 << 10, 256}, {60 << 10, 512}} {
		t.Run(fmt.Sprintf("%d KiB in %d MiB", test.kernelKiB, test.memoryMiB), func(t *testing.T) {
			kernel := assemble(t, "--defsym", fmt.Sprintf("FILL=%d", test.kernelKiB<<10))
			console := new(buffer)
			d, err := boot(t, Spec{Virtualization: HVM, Disk: shimDisk(t, kernel, "p of any size"), MemoryMiB: test.memoryMiB, Console: console})
			if err != nil {
				t.Fatal(err)
			}
			if exit, err := wait(t, d); exit != Poweroff || err != nil || !strings.Contains(console.String(), "guest says: p of any size") {
				t.Errorf("Wait returned %q and %v; the console shows %q", exit, err, console)
			}
			t.Logf("%+v after %v", d.Times(), time.Since(d.Started()))
		})
	}
}

// TestHVMOnNetwork has a Linux guest in the PV shim serve a page at a gated port.
func TestHVMOnNetwork(t *testing.T) {
	needHVM(t)
	files := linuxGuest(t)
	console := new(buffer)
	d, err := boot(t, Spec{
		Virtualization: HVM, MemoryMiB: 256, Console: console,
		Disk:     shimDisk(t, files["boot/kernel"], "console=hvc0 quiet", files["boot/ramdisk"]),
		Forwards: []Forward{{Proto: "tcp", Host: netip.MustParseAddrPort("127.0.0.9:18083"), GuestPort: 80, Gated: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, d.spec.Forwards[0].Host, "before the guest listens")
	if err := await(t, d, "http://:80/", 3*time.Minute); err != nil {
		t.Fatalf("%v\n%s", err, console)
	}
	t.Logf("answered after %v: %+v", time.Since(d.Started()), d.Times())
	probeAll(t, d)
}

func TestSkipBootMenu(t *testing.T) {
	code := func(wait uint32, count int) []byte {
		var b []byte
		for range count {
			b = append(b, 0x90, 0xba)
			b = binary.LittleEndian.AppendUint32(b, wait)
			b = append(b, 0x31, 0xc9, 0xb8)
		}
		return b
	}
	for name, test := range map[string]struct{ bios, want []byte }{
		"SeaBIOS":      {code(2500, 1), code(0, 1)},
		"another wait": {code(3000, 1), code(3000, 1)},
		"ambiguous":    {code(2500, 2), code(2500, 2)},
	} {
		if skipBootMenu(test.bios); !bytes.Equal(test.bios, test.want) {
			t.Errorf("%s: got % x, want % x", name, test.bios, test.want)
		}
	}
}

// The BIOS in use must be one whose wait skipBootMenu found.
func TestBIOSDoesNotWait(t *testing.T) {
	initramfs, err := os.ReadFile(needHVM(t).file(hvmInitramfsFile))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(initramfs, bootMenuWait) || !bytes.Contains(initramfs, []byte("etc/boot-menu-wait")) {
		t.Error("the BIOS waits for a key at each boot")
	}
}

func TestNamedBundleWithoutDeviceModel(t *testing.T) {
	b := bundle{dir: t.TempDir(), states: t.TempDir()}
	_, err := b.withDeviceModel(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), hvmInitramfsFile) || !strings.Contains(err.Error(), "XENPV_DOM0") {
		t.Errorf("got %v", err)
	}
}
