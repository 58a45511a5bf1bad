//go:build linux

package xenpv

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
)

// fullDir is a file system of its own with room for 64 KiB.
func fullDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("only root can mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// If the file system is full, the error names the remedy, nothing half-written
// stays, and an older file is as it was.
func TestDiskFull(t *testing.T) {
	d := newDisk(t, Spec{Image: writeKernel(t, 3<<20), Compress: boot.CompressNone})
	dir := fullDir(t)
	path := filepath.Join(dir, "disk.raw")
	if err := os.WriteFile(path, []byte("older"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := d.WriteFile(t.Context(), path)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free up space there, or write the disk on another file system") {
		t.Errorf("error %v", err)
	}
	if old, err := os.ReadFile(path); string(old) != "older" || len(listDir(t, dir)) != 1 {
		t.Errorf("the older file is %q (%v), beside %q", old, err, listDir(t, dir))
	}
}

// If the directory for temporary files is full, neither decompression nor compression
// leaves anything there.
func TestTemporaryDirFull(t *testing.T) {
	kernel := writeKernel(t, 3<<20)
	compressed := gzipped(t, kernel)
	dir := fullDir(t)
	t.Setenv("TMPDIR", dir)
	_, decompressErr := Wrap(t.Context(), Spec{Image: compressed})
	_, compressErr := Wrap(t.Context(), Spec{Image: kernel})
	for what, err := range map[string]error{"decompress": decompressErr, "compress": compressErr} {
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free up space there, or set TMPDIR to a directory") {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if names := listDir(t, dir); len(names) != 0 {
		t.Errorf("left over: %q", names)
	}
}
