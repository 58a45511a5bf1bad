package xenpv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
)

func TestWriteFile(t *testing.T) {
	d := newDisk(t, Spec{Image: writeKernel(t, 3<<20), Size: 64 << 20})
	path := filepath.Join(t.TempDir(), "disk.raw")
	for _, before := range []string{"nothing", "an older file"} {
		if before == "an older file" {
			if err := errors.Join(os.WriteFile(path, bytes.Repeat([]byte{1}, 100<<20), 0o600), os.Chmod(path, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		sum, err := d.WriteFile(t.Context(), path)
		if err != nil {
			t.Fatalf("over %s: %v", before, err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, readDisk(t, d)) {
			t.Errorf("over %s: the file has other bytes than the disk", before)
		}
		if sum != sha256.Sum256(got) {
			t.Errorf("over %s: the sum is not the file's", before)
		}
		mode := uint32(0o644)
		if before == "an older file" {
			mode = 0o600
		}
		checkOnDisk(t, path, mode)
	}
}

// checkOnDisk requires holes, the given permissions, less those that the process
// never gives, and no other file beside.
func checkOnDisk(t *testing.T, path string, mode uint32) {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if st.Blocks*512 > 8<<20 {
		t.Errorf("a kernel of 3 MiB takes %d bytes of the file system", st.Blocks*512)
	}
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	if got, want := st.Mode&0o777, mode&^uint32(mask); got != want {
		t.Errorf("mode %o, want %o", got, want)
	}
	if names := listDir(t, filepath.Dir(path)); len(names) != 1 {
		t.Errorf("the directory has %q", names)
	}
}

func TestWriteFileRefused(t *testing.T) {
	kernel, ramdisk := writeKernel(t, 50_000), writeFile(t, "ramdisk", []byte("ramdisk"))
	d := newDisk(t, Spec{Image: kernel, Ramdisk: ramdisk})
	dir := t.TempDir()
	fifo, link, hard := filepath.Join(dir, "fifo"), filepath.Join(dir, "link"), filepath.Join(dir, "hard")
	if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.Symlink(kernel, link), os.Link(ramdisk, hard)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                                "path is empty; specify the file to write",
		dir:                               "is a directory: specify a regular file",
		fifo:                              "is a FIFO",
		link:                              "is a symbolic link",
		"/dev/null":                       "is a device",
		kernel:                            "is a source of the disk",
		hard:                              "is a source of the disk",
		filepath.Join(dir, "none/disk"):   "does not exist: create it (mkdir -p)",
		filepath.Join(kernel, "disk.raw"): "not a directory",
	} {
		_, err := d.WriteFile(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("write to %q: error = %v, want ...%s...", path, err, want)
		}
	}
	if names := listDir(t, dir); len(names) != 3 {
		t.Errorf("left over: %q", names)
	}
}

// TestWriteFileFails requires that an error in the middle leaves no file, and an
// older one as it was.
func TestWriteFileFails(t *testing.T) {
	kernel := writeKernel(t, 3<<20)
	d := newDisk(t, Spec{Image: kernel, Compress: boot.CompressNone, Size: 1 << 40})
	path := writeFile(t, "disk.raw", []byte("older"))
	// 1 TiB takes many minutes, so the time runs out in the middle.
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.WriteFile(short, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("out of time: error = %v", err)
	}
	if err := os.Truncate(kernel, 2<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteFile(t.Context(), path); err == nil || !strings.Contains(err.Error(), path+": read disk: read boot/kernel at byte 2097152 of 3145728: unexpected EOF") {
		t.Errorf("kernel cut short: error = %v", err)
	}
	if _, err := d.Blocks(t.Context()); err == nil {
		t.Error("kernel cut short: no error from Blocks")
	}
	if old, err := os.ReadFile(path); string(old) != "older" || len(listDir(t, filepath.Dir(path))) != 1 {
		t.Errorf("the older file is %q (%v), beside %q", old, err, listDir(t, filepath.Dir(path)))
	}
}
