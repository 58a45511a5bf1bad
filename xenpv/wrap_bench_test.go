package xenpv

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
)

// wrap does all that "xenpv wrap" does, and returns the number of blocks.
func wrap(b *testing.B, kernel, disk string, compress boot.Compress) int {
	b.Helper()
	d, err := Wrap(b.Context(), Spec{Image: kernel, Compress: compress})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if _, err := d.WriteFile(b.Context(), disk); err != nil {
		b.Fatal(err)
	}
	blocks, err := d.Blocks(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return len(blocks)
}

// BenchmarkWrap2MiB: at most 20 ms and 5 non-empty blocks.
func BenchmarkWrap2MiB(b *testing.B) {
	kernel, disk := writeKernel(b, 2<<20), filepath.Join(b.TempDir(), "disk.raw")
	b.SetBytes(2 << 20)
	blocks := 0
	for b.Loop() {
		blocks = wrap(b, kernel, disk, boot.CompressNone)
	}
	b.ReportMetric(float64(blocks), "blocks")
}

// BenchmarkWrap100MiB: at least half as fast as cp and sha256sum of the same
// file together, with a peak memory under 64 MiB.
func BenchmarkWrap100MiB(b *testing.B) {
	kernel, disk := writeKernel(b, 100<<20), filepath.Join(b.TempDir(), "disk.raw")
	cp, sum := oracle.Need(b, "cp"), oracle.Need(b, "sha256sum")
	var tools time.Duration
	rounds := 0
	resetPeak(b)
	b.SetBytes(100 << 20)
	for b.Loop() {
		wrap(b, kernel, disk, boot.CompressNone)
		b.StopTimer()
		start := time.Now()
		for _, cmd := range []*exec.Cmd{exec.Command(cp, kernel, disk+".cp"), exec.Command(sum, kernel)} {
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
		tools += time.Since(start)
		rounds++
		if err := os.Remove(disk + ".cp"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	perRound := tools / time.Duration(rounds)
	b.ReportMetric(float64(perRound.Nanoseconds()), "ns/cp+sha256sum")
	b.ReportMetric(float64(perRound)*float64(rounds)/float64(b.Elapsed()), "times-cp+sha256sum")
	b.ReportMetric(peak(b), "peak-MiB")
}

// BenchmarkWrapGzip compresses a kernel of 8 MiB, half of it noise.
func BenchmarkWrapGzip(b *testing.B) {
	noise, err := os.ReadFile(writeKernel(b, 4<<20))
	if err != nil {
		b.Fatal(err)
	}
	text := bytes.Repeat([]byte("all work and no play "), 4<<20/21)
	kernel, disk := writeFile(b, "kernel", append(noise, text...)), filepath.Join(b.TempDir(), "disk.raw")
	b.SetBytes(8 << 20)
	for b.Loop() {
		wrap(b, kernel, disk, boot.CompressGzip)
	}
}

// resetPeak lets the kernel forget the most memory that this process has had.
func resetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Logf("the peak memory includes earlier tests': %v", err)
	}
}

// peak returns the most memory that this process has had, in MiB.
func peak(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kib, err := strconv.ParseFloat(string(bytes.Fields(value)[0]), 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Fatal(fmt.Errorf("no VmHWM in /proc/self/status"))
	return 0
}
