package image

import (
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// benchmarkKernel is an ELF of 10 MiB whose marks require reading all of it.
func benchmarkKernel() []byte {
	k := kerneltest.Legacy(strings.Replace(kerneltest.MirageLegacy, "Mirage", "Mini-OS", 1))
	k.Memsz = 16 << 20
	k.Text = strings.Repeat("Some text, rump or Undefined, of 64 bytes that marks no system. ", 10<<20/64)
	return k.Bytes()
}

func BenchmarkInspect10MiB(b *testing.B) {
	benchmarkInspect(b, benchmarkKernel())
}

func BenchmarkInspect10MiBGzip(b *testing.B) {
	benchmarkInspect(b, packGzip(benchmarkKernel()))
}

// benchmarkInspect measures the time and the memory from a file to its report.
func benchmarkInspect(b *testing.B, image []byte) {
	b.Helper()
	path := writeFile(b, "kernel", image)
	b.SetBytes(10 << 20)
	b.ReportAllocs()
	for b.Loop() {
		im, err := Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		if !whole(im.Facts()) {
			b.Fatal(im.Facts().Problems)
		}
		if err := im.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
