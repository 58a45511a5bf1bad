package localec2

import (
	"bytes"
	"encoding/binary"
	"errors"
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
	if got := l.Server.snapshots.DistinctBlocks(); got != n {
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
	if got := l.Server.snapshots.DistinctBlocks(); got != 1 {
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

// TestLatency checks the minimum duration of calls: 24 blocks by 4 workers take
// six rounds. Benchmarks measure what they take beyond that.
func TestLatency(t *testing.T) {
	const latency, n, workers = 30 * time.Millisecond, 24, 4
	l := start(t, Options{Latency: latency})
	id := l.begin()
	begun := time.Now()
	if err := l.upload(id, n, workers); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < n/workers*latency {
		t.Errorf("%d blocks by %d workers took %v, less than %v", n, workers, took, n/workers*latency)
	}
}
