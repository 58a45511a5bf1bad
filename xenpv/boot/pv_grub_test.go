package boot

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

func openImage(t *testing.T, data []byte) *image.Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kernel")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := image.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	return im
}

func compress(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if name == "zstd" {
		var err error
		if w, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if name == "zstd" {
		b.Write(make([]byte, 4)) // Linux appends the size
	}
	return b.Bytes()
}

// A bzImage is stored as it is, unless PV-GRUB isn't known to decompress it.
func TestStoredKernel(t *testing.T) {
	kernel := kerneltest.PV()
	kernel.Text = strings.Repeat("the kernel", 1000)
	elf := kernel.Bytes()
	gzipped, zstded := kerneltest.BzImage(0x208, compress(t, "gzip", elf)), kerneltest.BzImage(0x208, compress(t, "zstd", elf))
	for name, test := range map[string]struct {
		image    []byte
		compress Compress
		stored   []byte // nil if compressed
		warnings []string
	}{
		"ELF":                   {elf, "", nil, nil},
		"plain ELF":             {elf, CompressNone, elf, nil},
		"bzImage":               {gzipped, "", gzipped, nil},
		"bzImage, gzip":         {gzipped, CompressGzip, gzipped, nil},
		"bzImage of zstd":       {zstded, "", nil, []string{"payload-unpacked"}},
		"plain bzImage of zstd": {zstded, CompressNone, elf, []string{"payload-unpacked"}},
	} {
		im := openImage(t, test.image)
		if problems := PVGRUB.Check(im.Facts()); len(problems) > 0 {
			t.Fatalf("%s: %v", name, problems)
		}
		if got := codes(PVGRUB.Warnings(im.Facts())); !slices.Equal(got, test.warnings) {
			t.Errorf("%s: warnings %q, want %q", name, got, test.warnings)
		}
		content, err := PVGRUB.Prepare(Options{Image: im, Title: "test", Compress: test.compress})
		if err != nil {
			t.Fatal(err)
		}
		file, err := content.StoreKernel(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(file.Data, 0, file.Size))
		if err != nil {
			t.Fatal(err)
		}
		if test.stored == nil != content.Compressed() || test.stored != nil && !bytes.Equal(got, test.stored) {
			t.Errorf("%s: %d bytes are stored, compressed %v; want %d", name, len(got), content.Compressed(), len(test.stored))
		}
		if err := content.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPrepare(t *testing.T) {
	im := openImage(t, kerneltest.PV().Bytes())
	local := filepath.Join(t.TempDir(), "module")
	if err := os.WriteFile(local, []byte("module"), 0o600); err != nil {
		t.Fatal(err)
	}
	content, err := PVGRUB.Prepare(Options{Image: im, Title: "test", Modules: []Module{{Path: local}}, Layout: disk.LayoutPartitioned})
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var paths []string
	for _, f := range content.Files {
		paths = append(paths, f.Path)
	}
	if want := []string{"boot/grub/menu.lst", "boot/grub/grub.cfg", "boot/module-1"}; !slices.Equal(paths, want) {
		t.Errorf("files %q, want %q", paths, want)
	}
	if !slices.Equal(content.Sources, []string{local}) {
		t.Errorf("sources %q", content.Sources)
	}
	if loader, err := content.Loader(disk.File{}); loader != nil || err != nil {
		t.Errorf("loader %v, error %v", loader, err)
	}
	menu, err := io.ReadAll(io.NewSectionReader(content.Files[0].Data, 0, content.Files[0].Size))
	if err != nil || !bytes.Contains(menu, []byte("root (hd0,0)\n")) {
		t.Errorf("menu %q, %v", menu, err)
	}
	want := Registration{VirtualizationType: "paravirtual", NeedsAKI: true, RootDevice: "/dev/sda1"}
	if got := PVGRUB.Registration(); got != want || PVGRUB.Name() != "pv-grub" {
		t.Errorf("%s: %+v, want %+v", PVGRUB.Name(), got, want)
	}
}
