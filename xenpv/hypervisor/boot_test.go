package hypervisor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestDomainEnds(t *testing.T) {
	needXen(t)
	for arguments, want := range map[string]Exit{
		"p first":                        Poweroff,
		"r":                              Reboot,
		`c "two words" 'and' \ these #x`: Crash,
	} {
		t.Run(string(want), func(t *testing.T) {
			console := new(buffer)
			d, err := boot(t, Spec{Disk: guestDisk(t, arguments), Console: console})
			if err != nil {
				t.Fatal(err)
			}
			exit, err := wait(t, d)
			if exit != want || err != nil {
				t.Errorf("Wait returned %q and %v, want %q", exit, err, want)
			}
			if want := "xenpv: started by pygrub\nguest says: " + arguments + "\r\n"; console.String() != want {
				t.Errorf("the console shows %q, want %q", console, want)
			}
			times := d.Times()
			if times.ToolstackReady <= 0 || times.DomainCreated <= times.ToolstackReady || times.FirstConsoleByte <= times.DomainCreated {
				t.Errorf("the times are out of order: %+v", times)
			}
			t.Logf("%+v", times)
		})
	}
}

func TestDiskStays(t *testing.T) {
	needXen(t)
	path := guestDisk(t, "stay")
	before := digest(t, path)
	first, err := boot(t, Spec{Disk: path})
	if err != nil {
		t.Fatal(err)
	}
	second, err := boot(t, Spec{Disk: path})
	if err != nil {
		t.Fatalf("the second boot of a disk that is in use: %v", err)
	}
	first.Destroy()
	second.Destroy()
	if digest(t, path) != before {
		t.Error("the disk has changed")
	}
}

// TestManyBoots boots ten times in sequence, then three times at once, and checks
// that no process and no file is left.
func TestManyBoots(t *testing.T) {
	needXen(t)
	noLeftovers(t)
	spec := Spec{Disk: guestDisk(t, "stay")}
	for range 10 {
		bootOnce(t, spec)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { bootOnce(t, spec) })
	}
	wg.Wait()
}

// bootOnce boots a guest and destroys it as soon as Xen has started it.
func bootOnce(t *testing.T, spec Spec) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
	defer cancel()
	d, err := Boot(ctx, spec)
	if err != nil {
		t.Error(err)
		return
	}
	d.Destroy()
}

func digest(t *testing.T, path string) [32]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

func TestPVGRUBSeesMenuPlace(t *testing.T) {
	needXen(t)
	kernel := assemble(t)
	fileSystem := disk(t, map[string]string{"boot/grub/menu.lst": menu("")})
	console := new(buffer)
	if _, err := boot(t, Spec{Disk: fileSystem, PVGRUB: kernel, Console: console}); err != nil {
		t.Fatal(err)
	}
	console.waitFor(t, "guest says: (hd0)/boot/grub/menu.lst\r\n")
	if want := "xenpv: started by pv-grub " + kernel + "\n"; !strings.HasPrefix(console.String(), want) {
		t.Errorf("the console starts %q, want %q", console, want)
	}
}

// partitioned puts a file system in the first partition of a larger disk, at
// 1 MiB (2048 sectors), as partitioning tools do.
func partitioned(t *testing.T, fileSystem string) string {
	t.Helper()
	const start = 2048
	data, err := os.ReadFile(fileSystem)
	if err != nil {
		t.Fatal(err)
	}
	raw := append(make([]byte, start*sectorSize), data...)
	entry := raw[446:462] // bootable, type 0x83, first sector and sectors at 8 and 12
	entry[0], entry[4] = 0x80, 0x83
	binary.LittleEndian.PutUint32(entry[8:], start)
	binary.LittleEndian.PutUint32(entry[12:], uint32(len(data)/sectorSize))
	raw[bootMagicOffset], raw[bootMagicOffset+1] = 0x55, 0xaa
	path := filepath.Join(t.TempDir(), "partitioned.raw")
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPartitionedDisk(t *testing.T) {
	needXen(t)
	path := partitioned(t, disk(t, map[string]string{
		"boot/kernel":        assemble(t),
		"boot/grub/menu.lst": strings.Replace(menu("p"), "root (hd0)", "root (hd0,0)", 1),
	}))
	for pvgrub, want := range map[string]string{"": "guest says: p\r\n", assemble(t): "guest says: (hd0,0)/boot/grub/menu.lst\r\n"} {
		console := new(buffer)
		if _, err := boot(t, Spec{Disk: path, RootDevice: "sda", PVGRUB: pvgrub, Console: console}); err != nil {
			t.Fatal(err)
		}
		console.waitFor(t, want)
	}
}
