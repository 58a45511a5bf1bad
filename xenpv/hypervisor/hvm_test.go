package hypervisor

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/judge"
)

// needHVM skips the test if the device model isn't available.
func needHVM(t testing.TB) bundle {
	t.Helper()
	b, err := needXen(t).withDeviceModel(t.Context(), func(line string) { t.Log(line) })
	if err != nil {
		judge.Missing(t, err.Error())
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
			console.waitFor(t, "sector 1 says hello\r\n")
			t.Logf("BIOS booted after %v, %+v", time.Since(d.Started()), d.Times())
			exit, err := wait(t, d)
			if exit != want || err != nil {
				t.Errorf("Wait returned %q and %v, want %q", exit, err, want)
			}
			t.Logf("%q", console)
		})
	}
}
