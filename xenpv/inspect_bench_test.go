package xenpv

import (
	"strings"
	"testing"
)

// benchmarkKernel is an ELF of 10 MiB whose texts need a look at all of it.
func benchmarkKernel() []byte {
	k := legacyKernel(strings.Replace(mirageLegacy, "Mirage", "Mini-OS", 1))
	k.memsz = 16 << 20
	k.text = strings.Repeat("Some text, rump or Undefined, of 64 bytes that marks no system. ", 10<<20/64)
	return k.bytes()
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
		if err := im.Report().Err(); err != nil {
			b.Fatal(err)
		}
		if err := im.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
