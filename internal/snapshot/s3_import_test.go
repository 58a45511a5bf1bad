package snapshot_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

const disks = "disks" // a bucket

// importer starts a local EC2 with a bucket in eu-west-1.
func importer(t *testing.T, options localec2.Options, faults ...string) (*localec2.Running, *snapshot.S3Import) {
	t.Helper()
	server, s := cloudtest.Start(t, options, "eu-west-1")
	makeBucket(t, s, disks)
	cloudtest.Inject(t, server, faults...)
	return server, &snapshot.S3Import{Session: s, Bucket: disks, KeyPrefix: "unikernels/", Role: "vmimport"}
}

func makeBucket(t *testing.T, s *cloud.Session, name string) {
	t.Helper()
	input := &s3.CreateBucketInput{Bucket: aws.String(name)}
	if s.Region != "us-east-1" {
		input.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(s.Region)}
	}
	if _, err := s.S3.CreateBucket(t.Context(), input); err != nil {
		t.Fatal(err)
	}
}

func importDisk(ctx context.Context, method *snapshot.S3Import, disk cloudtest.MemoryDisk, ledger *cloud.Ledger) (string, error) {
	plan := &ami.Plan{Request: cloudtest.Request(disk)}
	return method.Create(ctx, cloudtest.SnapshotRequest(plan, disk), ledger)
}

// emptyBucket checks that nothing is left but the bucket of the test and the given
// number of snapshots.
func emptyBucket(t *testing.T, server *localec2.Running, snapshots int) {
	t.Helper()
	left := server.Resources()["eu-west-1"]
	want := []localec2.BucketInfo{{Name: disks, Objects: []string{}, Uploads: []string{}}}
	if diff := cmp.Diff(want, left.Buckets); diff != "" {
		t.Errorf("buckets (-want +got):\n%s", diff)
	}
	if len(left.Snapshots) != snapshots || len(left.Imports) != 0 {
		t.Errorf("%d snapshots, want %d; imports %+v", len(left.Snapshots), snapshots, left.Imports)
	}
}

// manyParts is a disk of 10.5 MiB with holes: three parts.
func manyParts(t *testing.T) cloudtest.MemoryDisk {
	t.Helper()
	return cloudtest.NewMemoryDisk(t, 0, 3, 20)
}

// An imported snapshot has the bytes and the tags that were asked for, and the
// bucket is empty again.
func TestImport(t *testing.T) {
	for name, disk := range map[string]cloudtest.MemoryDisk{"parts": manyParts(t), "small": cloudtest.NewMemoryDisk(t, 1), "zeros": {}} {
		t.Run(name, func(t *testing.T) {
			server, method := importer(t, localec2.Options{ImportTime: time.Second, SnapshotPending: 20 * time.Millisecond})
			var said []string
			var bytes []int64
			method.Say = func(line string) { said = append(said, line) }
			method.Progress = func(done, _ int64) { bytes = append(bytes, done) }
			var ledger cloud.Ledger
			id, err := importDisk(t.Context(), method, disk, &ledger)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(disk, cloudtest.ReadBack(t, method.Session, id)); diff != "" {
				t.Error("the snapshot has other bytes than the disk")
			}
			found := server.Resources()["eu-west-1"].Snapshots[0]
			if found.Tags[cloud.RoleTag] != cloud.RoleSnapshot || found.Tags["Retain"] != "no" || found.SizeGiB != 1 {
				t.Errorf("snapshot: %+v", found)
			}
			if !slices.ContainsFunc(said, func(line string) bool { return strings.Contains(line, "converting") }) || len(bytes) == 0 || !slices.IsSorted(bytes) {
				t.Errorf("progress: %q, %d", said, bytes)
			}
			emptyBucket(t, server, 1)
			if _, err := ledger.Undo(t.Context()); err != nil {
				t.Error(err)
			}
			emptyBucket(t, server, 0)
		})
	}
}

// Whatever fails or is lost, nothing is left behind, and a lost answer does not
// fail the import.
func TestImportLeavesNothing(t *testing.T) {
	actions := []string{
		"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "ImportSnapshot", "DescribeImportSnapshotTasks", "CreateTags", "DescribeSnapshots",
	}
	for _, action := range actions {
		for _, kind := range []string{"refuse", "cut-after,nth=1", "fail,nth=1"} {
			t.Run(action+"="+kind, func(t *testing.T) {
				server, method := importer(t, localec2.Options{ImportTime: 20 * time.Millisecond}, action+"="+kind)
				var ledger cloud.Ledger
				_, err := importDisk(t.Context(), method, manyParts(t), &ledger)
				if (err != nil) != (kind == "refuse") {
					t.Fatalf("got %v", err)
				}
				server.ClearFaults()
				if _, err := ledger.Undo(t.Context()); err != nil {
					t.Error(err)
				}
				emptyBucket(t, server, 0)
			})
		}
	}
}

// Ctrl-C at any time leaves nothing behind.
func TestImportCanceled(t *testing.T) {
	for _, action := range []string{"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "ImportSnapshot", "DescribeImportSnapshotTasks", "CreateTags"} {
		t.Run(action, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			server, method := importer(t, localec2.Options{ImportTime: 50 * time.Millisecond, OnCall: func(call localec2.Call) {
				if call.Action == action {
					cancel()
				}
			}})
			var ledger cloud.Ledger
			if _, err := importDisk(ctx, method, manyParts(t), &ledger); !errors.Is(err, context.Canceled) && action != "CreateTags" {
				t.Errorf("got %v", err)
			}
			if _, err := ledger.Undo(ctx); err != nil {
				t.Error(err)
			}
			emptyBucket(t, server, 0)
		})
	}
}

// A task that fails, and one that somebody cancels, end the wait at once, with
// AWS's reason.
func TestImportFails(t *testing.T) {
	server, method := importer(t, localec2.Options{ImportTime: 100 * time.Millisecond}, "ImportSnapshot=end-pending")
	var ledger cloud.Ledger
	_, err := importDisk(t.Context(), method, manyParts(t), &ledger)
	cloudtest.WantError(t, err, "was deleted: ClientError: Unable to convert the disk image")
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	emptyBucket(t, server, 0)

	var task string
	server, method = importer(t, localec2.Options{ImportTime: time.Hour, OnCall: func(call localec2.Call) {
		if call.Action == "ImportSnapshot" {
			task = call.Resource
		}
	}})
	method.Waits.Import = time.Hour
	method.Say = func(string) {
		if _, err := method.EC2.CancelImportTask(t.Context(), &ec2.CancelImportTaskInput{ImportTaskId: aws.String(task)}); err != nil {
			t.Error(err)
		}
	}
	_, err = importDisk(t.Context(), method, manyParts(t), &ledger)
	cloudtest.WantError(t, err, task+" was deleted: deleted")
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	emptyBucket(t, server, 0)
}

// A bucket that the import creates is gone afterwards, also after a failure.
func TestImportCreatesBucket(t *testing.T) {
	for _, fault := range []string{"GetRole=delay,delay=1ms", "ImportSnapshot=refuse", "CreateBucket=cut-after,nth=1"} {
		server, s := cloudtest.Start(t, localec2.Options{}, "eu-west-1", fault)
		method := &snapshot.S3Import{Session: s, Bucket: "new-bucket", Role: "vmimport", CreateBucket: true}
		var ledger cloud.Ledger
		_, err := importDisk(t.Context(), method, manyParts(t), &ledger)
		if (err != nil) != strings.Contains(fault, "refuse") {
			t.Errorf("%s: %v", fault, err)
		}
		if _, err := ledger.Undo(t.Context()); err != nil {
			t.Error(err)
		}
		cloudtest.NothingLeft(t, server)
	}
}

// An object that is to be kept stays, and so do versions and objects of others.
func TestImportKeepsObject(t *testing.T) {
	server, method := importer(t, localec2.Options{})
	method.KeepObject = true
	var ledger cloud.Ledger
	if _, err := importDisk(t.Context(), method, manyParts(t), &ledger); err != nil {
		t.Fatal(err)
	}
	if got := server.Resources()["eu-west-1"].Buckets[0].Objects; len(got) != 1 || !strings.HasPrefix(got[0], "unikernels/build-1-") {
		t.Errorf("objects %q", got)
	}
}

// In a bucket that keeps versions, the object is not only hidden.
func TestImportWithVersions(t *testing.T) {
	server, method := importer(t, localec2.Options{})
	if _, err := method.S3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String(disks), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
	var ledger cloud.Ledger
	if _, err := importDisk(t.Context(), method, manyParts(t), &ledger); err != nil {
		t.Fatal(err)
	}
	emptyBucket(t, server, 1)
}

// Check finds what would make the import fail, all at once, and creates nothing.
func TestImportCheck(t *testing.T) {
	for name, test := range map[string]struct {
		fault  string
		change func(*snapshot.S3Import)
		want   []string
	}{
		"good":             {},
		"no bucket, role":  {change: func(m *snapshot.S3Import) { m.Bucket, m.Role = "nowhere", "nobody" }, want: []string{`{Bucket} is "nowhere", and there is no such bucket`, `{Role} is "nobody"`}},
		"bucket to create": {change: func(m *snapshot.S3Import) { m.Bucket, m.CreateBucket = "nowhere", true }},
		"other region":     {change: func(m *snapshot.S3Import) { m.Region = "eu-west-2" }, want: []string{"which is in eu-west-1: VM Import reads only buckets in the region"}},
		"bucket refused":   {fault: "HeadBucket=refuse", want: []string{"AWS refuses access to it: allow s3:ListBucket"}},
		"import refused":   {fault: "ImportSnapshot=refuse", want: []string{"ask for permission to import", "UnauthorizedOperation"}},
		"role unseen":      {fault: "GetRole=refuse"},
	} {
		t.Run(name, func(t *testing.T) {
			server, method := importer(t, localec2.Options{})
			if test.fault != "" {
				cloudtest.Inject(t, server, test.fault)
			}
			if test.change != nil {
				test.change(method)
			}
			err := method.Check(t.Context())
			if len(test.want) == 0 && err != nil {
				t.Error(err)
			} else if len(test.want) > 0 {
				cloudtest.WantError(t, err, test.want...)
			}
			emptyBucket(t, server, 0)
		})
	}
}
