package xenpv

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// writeKernel makes a PV kernel of exactly the given size that can't be
// compressed, without holding it in memory.
func writeKernel(t testing.TB, size int64) string {
	t.Helper()
	start := kerneltest.Start(size)
	rest := io.LimitReader(rand.NewChaCha8([32]byte{1}), size-int64(len(start)))
	path := filepath.Join(t.TempDir(), "kernel.elf")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, io.MultiReader(bytes.NewReader(start), rest)); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeTextKernel makes a PV kernel that is easily compressed.
func writeTextKernel(t testing.TB, size int64) string {
	t.Helper()
	start := kerneltest.Start(size)
	text := strings.Repeat("all work and no play ", int(size)/20)
	return writeFile(t, "kernel.elf", append(start, text[:int(size)-len(start)]...))
}

// writeFile makes a file in a directory of its own.
func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// gzipped packs a file with a name in the header, as gzip(1) does.
func gzipped(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	zw.Name = "kernel.elf"
	if _, err := zw.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "kernel.gz", b.Bytes())
}

// newDisk makes a disk that is open until the test's end. What the temporary
// directory has then, it must have had before.
func newDisk(t testing.TB, spec Spec) *Disk {
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

// readDisk returns all bytes of a disk.
func readDisk(t testing.TB, d *Disk) []byte {
	t.Helper()
	data, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func listDir(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// slack is the least free space at a disk's end, in bytes.
const slack = 1 << 20

func isZero(p []byte) bool { return len(bytes.Trim(p, "\x00")) == 0 }
