package hypervisor

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// benchmarkBoot boots b.N times, with the given number at once. It reports the
// times to the created domain, and QEMU's processor time, which depends less on
// other work on the machine.
func benchmarkBoot(b *testing.B, atOnce int) {
	b.Helper()
	needXen(b)
	spec := Spec{Disk: guestDisk(b, "stay"), Progress: func(line string) { b.Log(line) }}
	first, err := boot(b, spec) // makes the saved state
	if err != nil {
		b.Fatal(err)
	}
	first.Destroy()
	var created, processor []time.Duration
	var mu sync.Mutex
	for b.Loop() {
		var wg sync.WaitGroup
		for range atOnce {
			wg.Go(func() {
				d, err := Boot(context.Background(), spec)
				if err != nil {
					b.Error(err)
					return
				}
				d.Destroy()
				mu.Lock()
				defer mu.Unlock()
				created = append(created, d.Times().DomainCreated)
				processor = append(processor, d.machine.processorTime())
			})
		}
		wg.Wait()
	}
	if len(created) == 0 {
		return
	}
	report(b, "created", created)
	slices.Sort(processor)
	b.ReportMetric(processor[len(processor)/2].Seconds(), "s-processor")
}

// report reports the shortest, the median and the longest time to a stage, in
// seconds.
func report(b *testing.B, stage string, times []time.Duration) {
	b.Helper()
	slices.Sort(times)
	b.ReportMetric(times[0].Seconds(), "s-"+stage+"-min")
	b.ReportMetric(times[len(times)/2].Seconds(), "s-"+stage+"-median")
	b.ReportMetric(times[len(times)-1].Seconds(), "s-"+stage+"-max")
}

// benchmarkAnswer boots the sample image b.N times in sequence, and reports the
// times to the created domain and to the first HTTP answer.
func benchmarkAnswer(b *testing.B, gated bool) {
	b.Helper()
	needXen(b)
	const hello = "../../build/hello"
	kernel, ramdisk := absolute(b, hello+"/kernel.gz"), absolute(b, hello+"/ramdisk")
	spec := Spec{
		Disk: sizedDisk(b, "64M", map[string]string{
			"boot/kernel": kernel, "boot/ramdisk": ramdisk,
			"boot/grub/menu.lst": menu("console=hvc0 quiet") + "  initrd /boot/ramdisk\n",
		}),
		MemoryMiB: 128,
		Forwards:  []Forward{{Proto: "tcp", Host: netip.MustParseAddrPort("127.0.0.6:18080"), GuestPort: 80, Gated: gated}},
		Progress:  func(line string) { b.Log(line) },
	}
	var created, answered []time.Duration
	for b.Loop() {
		d, err := Boot(context.Background(), spec)
		if err != nil {
			b.Fatal(err)
		}
		if err := await(b, d, "http://:80/", time.Minute); err != nil {
			b.Fatal(err)
		}
		answered = append(answered, time.Since(d.Started()))
		created = append(created, d.Times().DomainCreated)
		d.Destroy()
	}
	report(b, "created", created)
	report(b, "answer", answered)
}

func absolute(b *testing.B, path string) string {
	b.Helper()
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		oracle.Missing(b, "no sample image: "+err.Error())
	}
	return path
}

func BenchmarkAnswer(b *testing.B) {
	b.Run("forwarded", func(b *testing.B) { benchmarkAnswer(b, false) })
	b.Run("gated", func(b *testing.B) { benchmarkAnswer(b, true) })
}

// processorTime returns the processor time of a QEMU that has ended.
func (m *machine) processorTime() time.Duration {
	return m.state.UserTime() + m.state.SystemTime()
}

// BenchmarkBootHVM boots HVM guests, and reports the times to the created domain
// and to the first byte that the boot sector writes.
func BenchmarkBootHVM(b *testing.B) {
	needHVM(b)
	spec := Spec{Virtualization: HVM, Disk: biosDisk(b, "x", 'p'), Progress: func(line string) { b.Log(line) }}
	first, err := boot(b, spec) // makes the saved state
	if err != nil {
		b.Fatal(err)
	}
	first.Destroy()
	var created, booted []time.Duration
	for b.Loop() {
		d, err := Boot(context.Background(), spec)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := wait(b, d); err != nil {
			b.Fatal(err)
		}
		d.Destroy()
		created = append(created, d.Times().DomainCreated)
		booted = append(booted, d.Times().FirstConsoleByte)
	}
	report(b, "created", created)
	report(b, "booted", booted)
}

func BenchmarkBoot(b *testing.B)            { benchmarkBoot(b, 1) }
func BenchmarkBootThreeAtOnce(b *testing.B) { benchmarkBoot(b, 3) }
