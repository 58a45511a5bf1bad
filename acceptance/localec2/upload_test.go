package localec2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ebs"
)

// upload puts n different blocks with a number of workers.
func (l *lab) upload(id *string, n, workers int) error {
	jobs := make(chan int32)
	errs := make(chan error, n)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			data := make([]byte, blockSize)
			for i := range jobs {
				binary.LittleEndian.PutUint32(data, uint32(i)+1)
				errs <- l.put(id, i, data)
			}
		})
	}
	for i := range int32(n) {
		jobs <- i
	}
	close(jobs)
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// TestConcurrentUploaders has 64 workers write one snapshot while others make,
// list and delete theirs, and reads every block back. It is for -race.
func TestConcurrentUploaders(t *testing.T) {
	l := start(t, Options{})
	id := l.begin()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			other := l.begin()
			if err := errors.Join(l.put(other, 0, content('o')), l.complete(other, 1), l.delete(other)); err != nil {
				t.Error(err)
			}
			l.Resources()
			l.Calls()
		})
	}
	const n = 192
	if err := l.upload(id, n, 64); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := l.complete(id, n); err != nil {
		t.Fatal(err)
	}
	want := map[int32][]byte{}
	for i := range int32(n) {
		data := make([]byte, blockSize)
		binary.LittleEndian.PutUint32(data, uint32(i)+1)
		want[i] = data
	}
	checkBlocks(l, id, want)
	if got := len(l.blocks.blocks); got != n {
		t.Errorf("%d blocks in memory, want %d", got, n)
	}
}

// TestEqualBlocksAreKeptOnce also checks that the last write wins.
func TestEqualBlocksAreKeptOnce(t *testing.T) {
	l := start(t, Options{})
	id := l.begin()
	for i := range int32(10) {
		if err := errors.Join(l.put(id, i, content('a')), l.put(id, i, content('b'))); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(l.blocks.blocks); got != 1 {
		t.Errorf("%d blocks in memory, want 1", got)
	}
	if err := l.complete(id, 10); err != nil {
		t.Fatal(err)
	}
	list := must(l.ebs.ListSnapshotBlocks(l.ctx, &ebs.ListSnapshotBlocksInput{SnapshotId: id}))(t)
	out := must(l.ebs.GetSnapshotBlock(l.ctx, &ebs.GetSnapshotBlockInput{SnapshotId: id, BlockIndex: list.Blocks[3].BlockIndex, BlockToken: list.Blocks[3].BlockToken}))(t)
	var got bytes.Buffer
	if _, err := got.ReadFrom(out.BlockData); err != nil || !bytes.Equal(got.Bytes(), content('b')) {
		t.Errorf("the last write did not win: %v", err)
	}
}

// TestLatency checks that the wait is a floor and not added to the work. One
// run of ten must be in time, as other programs share the machine.
func TestLatency(t *testing.T) {
	const latency, n, workers = 30 * time.Millisecond, 24, 4
	l := start(t, Options{Latency: latency})
	ideal := n / workers * latency
	best := time.Hour
	for range 10 {
		id := l.begin()
		begun := time.Now()
		if err := l.upload(id, n, workers); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(begun))
		if best <= ideal*115/100 {
			break
		}
	}
	t.Logf("%d blocks by %d workers: %v, ideal %v", n, workers, best, ideal)
	if best < ideal || best > ideal*115/100 && !raceDetector {
		t.Errorf("%d blocks by %d workers took %v, want %v to 15%% more", n, workers, best, ideal)
	}
}

// BenchmarkUpload measures what uploading costs over the ideal at 30 ms.
func BenchmarkUpload(b *testing.B) {
	const latency, n = 30 * time.Millisecond, 256
	for _, workers := range []int{1, 8, 16, 32, 64} {
		b.Run(fmt.Sprint(workers, "workers"), func(b *testing.B) {
			l := start(b, Options{Latency: latency})
			ideal := time.Duration((n+workers-1)/workers) * latency
			for b.Loop() {
				if err := l.upload(l.begin(), n, workers); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(ideal), "of-ideal")
			b.SetBytes(n * blockSize)
		})
	}
}
