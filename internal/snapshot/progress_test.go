package snapshot_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
	xendisk "github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// Each block that has arrived is reported once, even if it was sent twice. The
// calls come in order and one at a time, as the race detector checks.
func TestUploadReportsProgress(t *testing.T) {
	const blocks = 2*cloud.Workers + 1
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1", "PutSnapshotBlock=throttle,from=5,times=3")
	disk := cloudtest.MemoryDisk{}
	want := []int64{0}
	for i := range int32(blocks) {
		disk[i] = []byte{xendisk.BlockSize - 1: byte(i + 1)}
		want = append(want, int64(i+1)*xendisk.BlockSize)
	}
	var got []int64
	method := &snapshot.EBSDirect{Session: s}
	method.Progress = func(done, total int64) {
		if total != blocks*xendisk.BlockSize {
			t.Errorf("total is %d", total)
		}
		got = append(got, done)
	}
	if err := upload(t, method, disk); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bytes reported (-want +got):\n%s", diff)
	}
}

// A refused block is not reported.
func TestFailedUploadReportsNoBlockTooMany(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1", "PutSnapshotBlock=refuse,from=1")
	var got []int64
	method := &snapshot.EBSDirect{Session: s}
	method.Progress = func(done, _ int64) { got = append(got, done) }
	if err := upload(t, method, cloudtest.NewMemoryDisk(t, 0, 1, 2)); err == nil {
		t.Fatal("no error although each block is refused")
	}
	if diff := cmp.Diff([]int64{0}, got); diff != "" {
		t.Errorf("bytes reported (-want +got):\n%s", diff)
	}
}

func upload(t *testing.T, method *snapshot.EBSDirect, disk cloudtest.MemoryDisk) error {
	t.Helper()
	plan := &ami.Plan{Request: cloudtest.Request(disk)}
	_, err := method.Create(t.Context(), cloudtest.SnapshotRequest(plan, disk), &cloud.Ledger{})
	return err
}
