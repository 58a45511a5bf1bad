package bootsector

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// TestInflate has the loader decompress all forms of deflate blocks, as modules
// of one kernel, which prints their checksums.
func TestInflate(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine, and the test is to be short")
	}
	d := testDisk{kernel: testFile{data: assemble(t, "testdata/kernel.asm", "-DELF32")}}
	add := func(name string, content, packed []byte) {
		d.modules = append(d.modules, testFile{data: content, packed: packed, gzip: true, pieces: len(d.modules)%3 + 1, line: name})
	}
	contents := map[string][]byte{
		"one byte":   {'x'},
		"text":       noise(200_000, 4),
		"zeros":      make([]byte, 1_000_000),
		"random":     random(150_001),
		"skewed":     skewed(1_500_000),
		"far":        append(random(32768), random(32768)...), // repeats at the largest distance
		"sector end": random(SectorSize*254 - 23),             // compressed, exactly two reads of the disk
	}
	for name, content := range contents {
		for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.BestCompression, flate.HuffmanOnly} {
			add(fmt.Sprintf("%s at level %d", name, level), content, compressLevel(t, content, level))
		}
		add(name+" by gzip", content, external(t, content))
	}
	log := machine{memory: 128}.boot(t, d.image(t))
	for _, m := range d.modules {
		if want := fmt.Sprintf("string=%s\nsum=%08x\n", m.line, sum(m.data)); !strings.Contains(log, want) {
			t.Errorf("%s: want %q", m.line, want)
		}
	}
	if t.Failed() {
		t.Log(log)
	}
}

// compressLevel returns content, compressed by Go.
func compressLevel(t *testing.T, content []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// external returns content, compressed by GNU gzip, whose blocks are split in another way.
func external(t *testing.T, content []byte) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), oracle.Need(t, "gzip"), "-9", "-n", "-c")
	cmd.Stdin = bytes.NewReader(content)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// random returns bytes that do not compress.
func random(size int) []byte {
	b, x := make([]byte, size), uint64(1)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return b
}

// skewed returns bytes whose frequencies are those of Fibonacci numbers, in an
// order without repeats, so that deflate uses codes of all lengths, up to 15 bits.
func skewed(size int) []byte {
	order := random(size * 4)
	b := make([]byte, size)
	for i := range b {
		x := le.Uint32(order[4*i:])
		symbol, limit := 0, float64(1<<32)
		for symbol < 40 && float64(x) < limit*0.618 {
			limit *= 0.618
			symbol++
		}
		b[i] = byte(symbol)
	}
	return b
}
