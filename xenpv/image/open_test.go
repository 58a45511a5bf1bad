package image

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// Each of these ends at once with an error that describes the path.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo, socket, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := os.Symlink(fifo, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                        "directory",
		fifo:                       "FIFO",
		link:                       "FIFO",
		socket:                     "socket",
		os.DevNull:                 "device",
		filepath.Join(dir, "none"): "no such file",
		writeFile(t, "empty", nil): "empty",
	} {
		_, err := Open(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want %q in it", path, err, want)
		}
	}
}

func TestOpenFollowsLinks(t *testing.T) {
	path := writeFile(t, "kernel", kerneltest.PV().Bytes())
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if im := openKernel(t, link); !whole(im.Facts()) || im.Path() != link {
		t.Errorf("%s: %v", im.Path(), im.Facts().Problems)
	}
}

// Decompression leaves nothing in the directory for temporary files, not even while
// the image is open.
func TestOpenLeavesNoTemporaryFile(t *testing.T) {
	path := writeFile(t, "kernel", packGzip(kerneltest.PV().Bytes()))
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	openKernel(t, path)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestOpenWithoutTemporaryDir(t *testing.T) {
	path := writeFile(t, "kernel", packGzip(kerneltest.PV().Bytes()))
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "decompress: ") {
		t.Errorf("error %v", err)
	}
}
