package hypervisor

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// benchmarkBoot boots b.N times, with so many at once, and reports the median
// and the slowest time to the created domain, and QEMU's processor time, which
// other work on the machine disturbs less.
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
	slices.Sort(created)
	slices.Sort(processor)
	b.ReportMetric(created[0].Seconds(), "s-fastest")
	b.ReportMetric(created[len(created)/2].Seconds(), "s-median")
	b.ReportMetric(created[len(created)-1].Seconds(), "s-slowest")
	b.ReportMetric(processor[len(processor)/2].Seconds(), "s-processor")
}

// processorTime is what QEMU used, once it has ended.
func (m *machine) processorTime() time.Duration {
	return m.state.UserTime() + m.state.SystemTime()
}

func BenchmarkBoot(b *testing.B)            { benchmarkBoot(b, 1) }
func BenchmarkBootThreeAtOnce(b *testing.B) { benchmarkBoot(b, 3) }
