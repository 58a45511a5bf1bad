package ec2ami

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// Each block that has arrived is reported, those that were sent twice once; the
// calls come in order and one at a time, as the race detector sees.
func TestUploadReportsProgress(t *testing.T) {
	const blocks = 2*Workers + 1
	_, s := startEC2(t, localec2.Options{}, "us-east-1", "PutSnapshotBlock=throttle,from=5,times=3")
	volume := memoryDisk{}
	want := []int64{0}
	for i := range int32(blocks) {
		volume[i] = []byte{disk.BlockSize - 1: byte(i + 1)}
		want = append(want, int64(i+1)*disk.BlockSize)
	}
	var got []int64
	s.Progress = func(done, total int64) {
		if total != blocks*disk.BlockSize {
			t.Errorf("total is %d", total)
		}
		got = append(got, done)
	}
	if _, _, err := bake(t.Context(), s, volume, &Ledger{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bytes reported (-want +got):\n%s", diff)
	}
}

// A block that is refused is not reported as done.
func TestFailedUploadReportsNoBlockTooMany(t *testing.T) {
	_, s := startEC2(t, localec2.Options{}, "us-east-1", "PutSnapshotBlock=refuse,from=1")
	var got []int64
	s.Progress = func(done, _ int64) { got = append(got, done) }
	if _, _, err := bake(t.Context(), s, newMemoryDisk(t, 0, 1, 2), &Ledger{}); err == nil {
		t.Fatal("no error although each block is refused")
	}
	if diff := cmp.Diff([]int64{0}, got); diff != "" {
		t.Errorf("bytes reported (-want +got):\n%s", diff)
	}
}
