package xenpv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/ext2"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

func TestDiskHasTheSameBytes(t *testing.T) {
	plain := writeTextKernel(t, 100_000)
	spec := Spec{Image: plain, CommandLine: new("-dhcp"), Ramdisk: writeFile(t, "ramdisk", []byte("ramdisk"))}
	want := readDisk(t, newDisk(t, spec))
	if !bytes.Equal(want, readDisk(t, newDisk(t, spec))) {
		t.Error("a second disk differs")
	}
	spec.Image = gzipped(t, plain)
	if !bytes.Equal(want, readDisk(t, newDisk(t, spec))) {
		t.Error("a disk of the same kernel, gzip-compressed, differs")
	}
	spec.CommandLine = new("-dhcp2")
	if other := readDisk(t, newDisk(t, spec)); bytes.Equal(want[1024+104:][:16], other[1024+104:][:16]) {
		t.Error("a disk with another command line has the same UUID")
	}
	if uuid := want[1024+104:][:16]; uuid[6]>>4 != 8 || uuid[8]>>6 != 2 {
		t.Errorf("UUID %x is not of version 8", uuid)
	}
}

func TestDiskCompress(t *testing.T) {
	const size = 4 << 20 // so much noise that gzip gains nothing by the ELF header
	noise, text := writeKernel(t, size), writeTextKernel(t, size)
	tests := []struct {
		kernel   string
		compress boot.Compress
		want     bool
	}{
		{noise, "", false},
		{noise, boot.CompressAuto, false},
		{noise, boot.CompressGzip, true},
		{noise, boot.CompressNone, false},
		{text, "", true},
		{text, boot.CompressAuto, true},
		{text, boot.CompressGzip, true},
		{text, boot.CompressNone, false},
	}
	for _, test := range tests {
		d := newDisk(t, Spec{Image: test.kernel, Compress: test.compress})
		if d.StoredCompressed() != test.want {
			t.Errorf("compress %q of %s: compressed = %v", test.compress, test.kernel, d.StoredCompressed())
		}
		if plain := d.StoredKernelSize() == size; plain == test.want {
			t.Errorf("compress %q of %s: stored size %d", test.compress, test.kernel, d.StoredKernelSize())
		}
	}
}

// TestDiskGzipHeader requires a header with no flags and no time.
func TestDiskGzipHeader(t *testing.T) {
	d := newDisk(t, Spec{Image: writeTextKernel(t, 100_000)})
	header := make([]byte, 10)
	if _, err := d.ReadAt(header, d.Extents("boot/kernel")[0].Offset); err != nil {
		t.Fatal(err)
	}
	if want := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255}; !bytes.Equal(header, want) {
		t.Errorf("header = %x, want %x", header, want)
	}
}

func TestDiskLeavesNoTemporaryFile(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	im := writeTextKernel(t, 1_000_000)
	d, err := Wrap(t.Context(), Spec{Image: im})
	if err != nil {
		t.Fatal(err)
	}
	if !d.StoredCompressed() {
		t.Fatal("the kernel was not compressed, and so needs no temporary file")
	}
	if files := listDir(t, tmp); len(files) != 0 {
		t.Errorf("a killed process would leave %q", files)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Wrap(cancelled, Spec{Image: im}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error = %v", err)
	}
	if _, err := Wrap(t.Context(), Spec{Image: im, Size: 512}); err == nil {
		t.Error("a disk of 512 bytes is made")
	}
	if files := listDir(t, tmp); len(files) != 0 {
		t.Errorf("left over: %q", files)
	}
}

func TestDiskSize(t *testing.T) {
	im := writeKernel(t, 2<<20)
	smallest := newDisk(t, Spec{Image: im})
	if smallest.Size() != 4<<20 || smallest.Used() > 3<<20 {
		t.Errorf("a kernel of 2 MiB takes %d of %d bytes", smallest.Used(), smallest.Size())
	}
	exact := (smallest.Used() + slack)
	for size, fits := range map[int64]bool{
		exact: true, exact - 512: false, 1 << 30: true, disk.MaxSize: true,
		disk.MaxSize + 512: false, exact + 1: false, -512: false, 512: false,
	} {
		d, err := Wrap(t.Context(), Spec{Image: im, Size: size, Compress: boot.CompressNone})
		if (err == nil) != fits {
			t.Errorf("size %d: error = %v", size, err)
		}
		if err == nil && d.Size() != size {
			t.Errorf("size %d: got %d", size, d.Size())
		}
	}
	_, err := Wrap(t.Context(), Spec{Image: im, Size: 2 << 20})
	if err == nil || !strings.Contains(err.Error(), "size of 2097152 bytes is too small") || !strings.Contains(err.Error(), "specify at least 4194304") {
		t.Errorf("error = %v", err)
	}
}

func TestDiskReadAt(t *testing.T) {
	d := newDisk(t, Spec{Image: writeKernel(t, 50_000)})
	whole := readDisk(t, d)
	if int64(len(whole)) != d.Size() || !isZero(whole[d.Used():]) {
		t.Error("the disk has another length, or no zeros at its end")
	}
	if err := iotest.TestReader(io.NewSectionReader(d, 0, d.Size()), whole); err != nil {
		t.Error(err)
	}
	dirty := bytes.Repeat([]byte{0xff}, 8192)
	if n, err := d.ReadAt(dirty, d.Used()-4096); n != 8192 || err != nil || !bytes.Equal(dirty, whole[d.Used()-4096:][:8192]) {
		t.Errorf("over the file system's end: %d, %v", n, err)
	}
	if n, err := d.ReadAt(dirty, d.Size()-4096); n != 4096 || err != io.EOF || !isZero(dirty[:4096]) {
		t.Errorf("over the disk's end: %d, %v", n, err)
	}
	if _, err := d.ReadAt(dirty, -1); err == nil {
		t.Error("a negative offset is accepted")
	}
}

func TestDiskBlocks(t *testing.T) {
	// A kernel that is zeros but for its start and its last MiB.
	size := int64(6 << 20)
	kernel := append(kerneltest.Start(size), make([]byte, size)...)[:size]
	_, _ = rand.NewChaCha8([32]byte{2}).Read(kernel[5<<20:])
	d := newDisk(t, Spec{Image: writeFile(t, "kernel", kernel), Compress: boot.CompressNone, Size: 1 << 30})
	got, err := d.Blocks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want []disk.Block
	block := make([]byte, 512<<10)
	for i := range int32(32) { // all else is after the end of the file system
		if _, err := d.ReadAt(block, int64(i)*512<<10); err != nil {
			t.Fatal(err)
		}
		if bytes.Count(block, []byte{0}) < len(block) {
			want = append(want, disk.Block{Index: i, SHA256: sha256.Sum256(block)})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got) != 4 {
		t.Errorf("%d blocks, want the first and the last three", len(got))
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Blocks(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error = %v", err)
	}
}

func TestDiskRefused(t *testing.T) {
	im := writeKernel(t, 50_000)
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := errors.Join(os.WriteFile(large, nil, 0o600), os.Truncate(large, ext2.MaxSize+1)); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, "full")
	if err := errors.Join(os.WriteFile(full, nil, 0o600), os.Truncate(full, ext2.MaxSize)); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		spec Spec
		want []string
	}{
		"ramdisk missing":     {Spec{Ramdisk: filepath.Join(dir, "none")}, []string{"open ramdisk", "no such file"}},
		"ramdisk a directory": {Spec{Ramdisk: dir}, []string{"open ramdisk", "is a directory: specify a regular file"}},
		"ramdisk a FIFO":      {Spec{Ramdisk: fifo}, []string{"is a FIFO"}},
		"ramdisk a device":    {Spec{Ramdisk: "/dev/zero"}, []string{"/dev/zero is a device"}},
		"ramdisk empty":       {Spec{Ramdisk: writeFile(t, "empty", nil)}, []string{"is empty"}},
		"ramdisk too large":   {Spec{Ramdisk: large}, []string{"has 134217729 bytes", "at most 134217728 (128 MiB)"}},
		"too large in all":    {Spec{Ramdisk: full}, []string{"bytes more than the 134217728 (128 MiB) that fit", "smaller"}},
		"command line":        {Spec{CommandLine: new("a\nb")}, []string{`command line "a\nb" has a newline at byte 1`}},
		"title":               {Spec{Title: "a\nb"}, []string{`title "a\nb" has a newline`}},
		"compress":            {Spec{Compress: "xz"}, []string{`compress "xz" is unknown: specify "auto", "gzip" or "none"`}},
		"all at once":         {Spec{Size: -1, CommandLine: new(" "), Title: "\a", Compress: "?"}, []string{"size of -1 bytes", "command line", "title", "compress"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.spec.Image = im
			_, err := Wrap(t.Context(), test.spec)
			if err == nil {
				t.Fatal("a disk is made")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error = %v, want ...%s...", err, want)
				}
			}
		})
	}
}

func TestDiskOfNoKernel(t *testing.T) {
	path := writeFile(t, "kernel", []byte("#!/bin/sh\necho no kernel\n"))
	_, err := Wrap(t.Context(), Spec{Image: path})
	refused, ok := errors.AsType[*RefusedError](err)
	if finding, is := errors.AsType[image.Finding](err); !ok || !is || refused.Path != path || finding.Code != "not-a-kernel" {
		t.Errorf("error = %v", err)
	}
}

// TestDiskKernelTooLarge requires that the largest kernel fits, and that one byte
// more is rejected.
func TestDiskKernelTooLarge(t *testing.T) {
	// The blocks of the file system besides the kernel's: the superblock's,
	// the descriptor's, two bitmaps', one of inodes, the directories /,
	// lost+found, boot and grub, two menus', and 2 + 31 of pointers.
	const largest = (32768 - 5 - 4 - 2 - 33) * 4096
	for size, fits := range map[int64]bool{largest: true, largest + 1: false} {
		path := writeFile(t, "kernel", kerneltest.Start(size))
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		d, err := Wrap(t.Context(), Spec{Image: path, Compress: boot.CompressNone})
		if (err == nil) != fits {
			t.Errorf("a kernel of %d bytes: error = %v", size, err)
		}
		if err == nil && (d.Used() != ext2.MaxSize || d.Size() != ext2.MaxSize+slack) {
			t.Errorf("a kernel of %d bytes takes %d of %d", size, d.Used(), d.Size())
		}
	}
}
