package hypervisor

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBundleIsMadeOnceAndTheSame(t *testing.T) {
	t.Setenv("XENPV_DOM0", "")
	first := needXen(t)
	t.Setenv("XENPV_CACHE", t.TempDir())
	var made atomic.Int32
	var second bundle
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			b, err := openBundle(t.Context(), func(string) { made.Add(1) })
			if err != nil {
				t.Error(err)
			}
			second = b
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("two at once made it %d times", made.Load())
	}
	for _, name := range []string{xenFile, kernelFile, initramfsFile, "packages"} {
		if digest(t, first.file(name)) != digest(t, second.file(name)) {
			t.Errorf("%s differs between two bundles of the same packages", name)
		}
	}
	names, err := filepath.Glob(second.dir + "/*")
	if err != nil || len(names) != 4 {
		t.Errorf("the bundle holds %v (%v)", names, err)
	}
}

func TestNamedBundle(t *testing.T) {
	users := needXen(t)
	t.Setenv("XENPV_CACHE", t.TempDir())
	t.Setenv("XENPV_DOM0", users.dir)
	got, err := openBundle(t.Context(), nil)
	if err != nil || got.dir != users.dir || strings.HasPrefix(got.states, users.dir) {
		t.Errorf("got %+v and %v; the states must not be in the named directory", got, err)
	}
	empty := t.TempDir()
	t.Setenv("XENPV_DOM0", empty)
	if _, err := openBundle(t.Context(), nil); err == nil || !strings.Contains(err.Error(), filepath.Join(empty, xenFile)) {
		t.Errorf("of an empty directory: %v", err)
	}
	for _, name := range []string{xenFile, kernelFile, initramfsFile} {
		if err := os.WriteFile(filepath.Join(empty, name), []byte("another agent"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := openBundle(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "made by another version") {
		t.Errorf("of a bundle with another agent: %v", err)
	}
}

func TestKeepNewest(t *testing.T) {
	dir := t.TempDir()
	begun := time.Now()
	for i, name := range []string{"state-d", "state-c", "state-b", "state-a", "other"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(path, 0o755), os.WriteFile(filepath.Join(path, "ram"), nil, 0o644),
			os.Chtimes(path, begun, begun.Add(time.Duration(i-10)*time.Hour))); err != nil {
			t.Fatal(err)
		}
	}
	if err := keepNewest(2, filepath.Join(dir, "state-d"), filepath.Join(dir, "state-*")); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(dir + "/*")
	want := []string{filepath.Join(dir, "other"), filepath.Join(dir, "state-a"), filepath.Join(dir, "state-d")}
	if diff := cmp.Diff(want, left); diff != "" || err != nil {
		t.Errorf("(-want +got): %v\n%s", err, diff)
	}
}

func TestUnpackKernelRefuses(t *testing.T) {
	header := func(sectors byte, offset, length uint32) []byte {
		b := make([]byte, 4096)
		copy(b[linuxHeaderOffset:], linuxHeader)
		b[setupSectorsOffset] = sectors
		binary.LittleEndian.PutUint32(b[payloadOffsetOffset:], offset)
		binary.LittleEndian.PutUint32(b[payloadLengthOffset:], length)
		return b
	}
	for _, test := range []struct {
		image []byte
		want  string
	}{
		{nil, "not a bzImage"},
		{make([]byte, 4096), "not a bzImage"},
		{header(3, 0, 3000), "outside the file"},
		{header(3, 1<<32-1, 1<<32-1), "outside the file"},
		{header(3, 0, 2), "outside the file"},
		{header(3, 0, 1000), "decompress payload"},
	} {
		if _, err := unpackKernel(test.image); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestIsWanted(t *testing.T) {
	c := &contents{wanted: wanted}
	got := map[string]bool{}
	for _, name := range []string{
		"usr/lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", "usr/lib/python3.11/os.py",
		"usr/lib/python3.11/asyncio/base.py", "usr/lib/python3.11/re/_parser.py", "usr/lib/xen-4.17/bin/xentop",
	} {
		got[name] = c.wants(name)
	}
	want := map[string]bool{
		"usr/lib/x86_64-linux-gnu/libc.so.6": true, "usr/lib/x86_64-linux-gnu/gconv/UTF-16.so": false, "usr/lib/python3.11/os.py": true,
		"usr/lib/python3.11/asyncio/base.py": false, "usr/lib/python3.11/re/_parser.py": true, "usr/lib/xen-4.17/bin/xentop": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIsDisk(t *testing.T) {
	kernel := assemble(t)
	plain := disk(t, map[string]string{"boot/kernel": kernel})
	partitioned := filepath.Join(t.TempDir(), "partitioned")
	record := make([]byte, 4096)
	record[bootMagicOffset], record[bootMagicOffset+1] = 0x55, 0xaa
	linux := filepath.Join(t.TempDir(), "bzImage")
	image := append([]byte(nil), record...)
	copy(image[linuxHeaderOffset:], linuxHeader)
	for path, data := range map[string][]byte{partitioned: record, linux: image} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]bool{plain: true, partitioned: true, linux: false, kernel: false, os.DevNull: false} {
		if got := IsDisk(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
	for path, want := range map[string]string{plain: "(hd0)/boot/grub/menu.lst", partitioned: "(hd0,0)/boot/grub/menu.lst"} {
		file, err := openDisk(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := menuPlace(file); got != want {
			t.Errorf("%s: the menu is at %s", path, got)
		}
		file.Close()
	}
}
