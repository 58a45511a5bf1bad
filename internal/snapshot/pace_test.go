package snapshot_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
	xendisk "github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// stripes is a disk without holes, of blocks that take little memory.
func stripes(blocks int) cloudtest.MemoryDisk {
	var kinds [16][]byte
	for i := range kinds {
		kinds[i] = make([]byte, xendisk.BlockSize)
		for j := range kinds[i] {
			kinds[i][j] = byte(i + 1)
		}
	}
	disk := cloudtest.MemoryDisk{}
	for i := range int32(blocks) {
		disk[i] = kinds[int(i)%len(kinds)]
	}
	return disk
}

// 1000 throttled calls at random places, in rows of one to twenty, don't fail an
// upload of 1024 blocks, and it makes at most twice the calls of an undisturbed
// one. AWS_MAX_ATTEMPTS changes nothing.
func TestThrottledUpload(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	const blocks, throttled = 1024, 1000
	server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	s.Waits.Call, s.Waits.Delay, s.Waits.MaxDelay = time.Minute, 4*time.Millisecond, 4*time.Millisecond
	chance := rand.New(rand.NewPCG(1, 2))
	at, left := 1, throttled
	for left > 0 {
		row := min(1+chance.IntN(20), left)
		at += chance.IntN(8)
		cloudtest.Inject(t, server, fmt.Sprintf("*=throttle,service=ebs,from=%d,times=%d", at, row))
		at, left = at+row, left-row
	}
	disk := stripes(blocks)
	if err := upload(t, &snapshot.EBSDirect{Session: s}, disk); err != nil {
		t.Fatal(err)
	}
	calls, refused := 0, 0
	for _, call := range server.Calls() {
		if call.Service == "ebs" {
			calls++
		}
		if call.Code == "RequestThrottledException" {
			refused++
		}
	}
	if refused != throttled || calls != blocks+2+throttled || calls > 2*(blocks+2) {
		t.Errorf("%d calls, of which %d were throttled", calls, refused)
	}
}

// What EBS is known to answer for a while is waited out.
func TestUploadWaitsOut(t *testing.T) {
	for _, fault := range []string{
		"PutSnapshotBlock=fail,status=404,code=ResourceNotFoundException,times=40", "PutSnapshotBlock=fail,status=400,code=ConcurrentLimitExceededException,times=40",
		"CompleteSnapshot=throttle,times=20", "StartSnapshot=throttle,times=20", "PutSnapshotBlock=cut,times=20", "PutSnapshotBlock=fail,times=20",
	} {
		_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1", fault)
		if err := upload(t, &snapshot.EBSDirect{Session: s}, stripes(40)); err != nil {
			t.Errorf("%s: %v", fault, err)
		}
	}
}

// A call ends within a second of its budget, and its error has the last answer.
func TestUploadEndsWithItsBudget(t *testing.T) {
	for _, fault := range []string{"PutSnapshotBlock=throttle", "PutSnapshotBlock=cut", "PutSnapshotBlock=delay,delay=1m"} {
		_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1", fault)
		s.Waits.Call = 500 * time.Millisecond
		begun := time.Now()
		err := upload(t, &snapshot.EBSDirect{Session: s}, stripes(40))
		if took := time.Since(begun); took > 1500*time.Millisecond {
			t.Errorf("%s: took %s", fault, took)
		}
		cloudtest.WantError(t, err, "not done within 500ms")
	}
}

// Verify accepts what was uploaded, and nothing else.
func TestVerify(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1", "GetSnapshotBlock=throttle,times=7", "ListSnapshotBlocks=cut-after,nth=1")
	disk := cloudtest.NewMemoryDisk(t, 0, 7, 9)
	var ledger cloud.Ledger
	request := cloudtest.SnapshotRequest(&ami.Plan{Request: cloudtest.Request(disk)}, disk)
	id, err := (&snapshot.EBSDirect{Session: s}).Create(t.Context(), request, &ledger)
	if err != nil {
		t.Fatal(err)
	}
	var last int64
	if err := snapshot.Verify(t.Context(), s, id, request, 0, func(done, _ int64) { last = done }); err != nil || last != 3*xendisk.BlockSize {
		t.Errorf("%d bytes: %v", last, err)
	}
	other := request
	other.Blocks = cloudtest.NewMemoryDisk(t, 0, 7, 9).Blocks()
	cloudtest.WantError(t, snapshot.Verify(t.Context(), s, id, other, 3, nil), "read back "+id, "differs from the disk")
	other.Blocks = append(disk.Blocks(), xendisk.Block{Index: 12})
	cloudtest.WantError(t, snapshot.Verify(t.Context(), s, id, other, 3, nil), "block 12 is missing")
	other.Blocks = disk.Blocks()[1:]
	cloudtest.WantError(t, snapshot.Verify(t.Context(), s, id, other, 3, nil), "block 0 differs from the disk")

	empty, err := s.EBS.StartSnapshot(t.Context(), &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)})
	if err != nil {
		t.Fatal(err)
	}
	cloudtest.WantError(t, snapshot.Verify(t.Context(), s, *empty.SnapshotId, request, 3, nil), "list its blocks")
}
