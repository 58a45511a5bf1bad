package xenpv

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// Unpacking, compressing and writing each report from 0 to their end.
func TestProgress(t *testing.T) {
	const size = 3 << 20
	var compressed bytes.Buffer
	zw := gzip.NewWriter(&compressed)
	zw.Write(append(kerneltest.Start(size), make([]byte, size)...)[:size])
	zw.Close()
	path := filepath.Join(t.TempDir(), "kernel.gz")
	if err := os.WriteFile(path, compressed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	last := int64(0)
	progress := func(what string, done, total int64) {
		if done < last && done != 0 || done > total {
			t.Errorf("%s: %d of %d bytes after %d", what, done, total, last)
		}
		if last = done; done == 0 || done == total {
			got = append(got, fmt.Sprintf("%s %d/%d", what, done, total))
		}
	}
	disk, err := Wrap(t.Context(), Spec{Image: path, Progress: progress})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	if _, err := disk.WriteFile(t.Context(), filepath.Join(t.TempDir(), "disk")); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, work := range []struct {
		what string
		size int
	}{{"decompress image", compressed.Len()}, {"compress kernel", size}, {"write disk", int(disk.Size())}} {
		want = append(want, fmt.Sprintf("%s 0/%d", work.what, work.size), fmt.Sprintf("%s %d/%[2]d", work.what, work.size))
	}
	if diff := cmp.Diff(want, dedupe(got)); diff != "" {
		t.Errorf("reports of begin and end (-want +got):\n%s", diff)
	}
}

// dedupe leaves out what repeats: at its end a reader is read once more.
func dedupe(lines []string) []string {
	var kept []string
	for i, line := range lines {
		if i == 0 || line != lines[i-1] {
			kept = append(kept, line)
		}
	}
	return kept
}
