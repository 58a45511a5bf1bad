package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// A cancelling file cancels its context when it is read for the last time.
type cancelling struct {
	io.ReaderAt
	cancel context.CancelFunc
	last   int // reads until then
	reads  int
}

func (c *cancelling) ReadAt(p []byte, off int64) (int, error) {
	if c.reads++; c.reads == c.last {
		c.cancel()
	}
	return c.ReaderAt.ReadAt(p, off)
}

// Whichever read is the last, the inspection ends with it and with the error
// of the context, and not one about the image.
func TestInspectCancelled(t *testing.T) {
	kernel := kerneltest.Legacy(kerneltest.MirageLegacy)
	kernel.Text = strings.Repeat("some text", 100_000)
	images := map[string][]byte{
		"elf": kernel.Bytes(), "tar": tarOf(file("kernel", kernel.Bytes())), "zip": zipOf(file("kernel", kernel.Bytes())),
		"bzimage": kerneltest.BzImage(minProtocol, linuxPayload("xz", kernel.Bytes())),
		"tar.gz":  packGzip(tarOf(file("kernel.xz", packers["xz"](kernel.Bytes())))),
	}
	for name, pack := range packers {
		images[name] = pack(kernel.Bytes())
	}
	for name, image := range images {
		whole := &cancelling{ReaderAt: bytes.NewReader(image)}
		if _, err := Inspect(t.Context(), whole, int64(len(image))); err != nil {
			t.Fatal(name, err)
		}
		for last := 1; last < whole.reads; last += 1 + whole.reads/50 {
			ctx, cancel := context.WithCancel(t.Context())
			cut := &cancelling{bytes.NewReader(image), cancel, last, 0}
			r, err := Inspect(ctx, cut, int64(len(image)))
			if cut.reads != last || r != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("%s: cancelled by read %d of %d: %d reads, %v, error %v", name, last, whole.reads, cut.reads, r, err)
			}
			cancel()
		}
	}
}

// Data that decompresses to far more than is read ends within a block.
func TestUnpackCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	blocks := 0
	zeros := readFunc(func(p []byte) (int, error) {
		if blocks++; blocks == 3 {
			cancel()
		}
		clear(p)
		return len(p), nil
	})
	p := compression{name: "endless", reader: func(*bufio.Reader, int) (io.Reader, error) { return zeros, nil }}
	out, err := files.NewTemp()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	size, err := p.decompressTo(ctx, out, newTestBlob("").reader(), smallDictionary, MaxKernelSize)
	if size != 3*copySize || !errors.Is(err, context.Canceled) {
		t.Errorf("%d bytes, error %v", size, err)
	}
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// An image that is open already doesn't need the context it was opened with.
func TestOpenOutlivesContext(t *testing.T) {
	kernel := kerneltest.PV().Bytes()
	for _, image := range [][]byte{kernel, packGzip(kernel), tarOf(file("kernel", kernel))} {
		ctx, cancel := context.WithCancel(t.Context())
		im, err := Open(ctx, writeFile(t, "image", image))
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if got, err := io.ReadAll(im.Kernel()); err != nil || !slices.Equal(got, kernel) {
			t.Errorf("%d bytes of the kernel, error %v", len(got), err)
		}
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	}
}
