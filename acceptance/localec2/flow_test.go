package localec2

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithydocument "github.com/aws/smithy-go/document"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// quiet ignores what every SDK struct has inside, and how nothing is written.
var quiet = cmp.Options{cmpopts.IgnoreTypes(smithydocument.NoSerde{}), cmpopts.EquateEmpty()}

// TestFlow uploads blocks with the AWS SDK, creates a snapshot and an image, reads
// the blocks back, and deletes everything. It checks every answer in full.
func TestFlow(t *testing.T) {
	clk := newClock()
	l := start(t, Options{Now: clk.Now, SnapshotPending: time.Minute, ImagePending: time.Minute})
	id := must(l.sts.GetCallerIdentity(l.ctx, &sts.GetCallerIdentityInput{}))(t)
	if got := *id.Account + " " + *id.Arn; got != "123456789012 arn:aws:iam::123456789012:user/localec2" {
		t.Errorf("caller is %s", got)
	}

	started := must(l.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{
		VolumeSize: aws.Int64(2), Description: aws.String("a disk"), Timeout: aws.Int32(30),
		Tags: []ebstypes.Tag{{Key: aws.String("Name"), Value: aws.String("disk")}},
	}))(t)
	snap := started.SnapshotId
	checkStarted(t, started, clk.Now())
	blocks := map[int32][]byte{0: content('a'), 7: content('b'), 4095: content('a')}
	for i, data := range blocks {
		if err := l.put(snap, i, data); err != nil {
			t.Fatal(err)
		}
	}
	linear := sha256.New()
	for _, i := range []int32{0, 7, 4095} {
		sum := sha256.Sum256(blocks[i])
		linear.Write(sum[:])
	}
	complete := &ebs.CompleteSnapshotInput{
		SnapshotId: snap, ChangedBlocksCount: aws.Int32(3), Checksum: aws.String(base64.StdEncoding.EncodeToString(linear.Sum(nil))),
		ChecksumAlgorithm: ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256, ChecksumAggregationMethod: ebstypes.ChecksumAggregationMethodChecksumAggregationLinear,
	}
	if out := must(l.ebs.CompleteSnapshot(l.ctx, complete))(t); out.Status != ebstypes.StatusPending {
		t.Errorf("status %s right after CompleteSnapshot, want pending", out.Status)
	}
	_, err := l.ec2.RegisterImage(l.ctx, registration("early", snap))
	wantRefusal(t, err, "IncorrectState 400")
	clk.turn(time.Minute)

	checkSnapshot(l, snap, clk.Now())
	checkBlocks(l, snap, blocks)
	ami := l.register("hello", snap)
	checkImage(l, ami, snap, types.ImageStatePending)
	clk.turn(time.Minute)
	checkImage(l, ami, snap, types.ImageStateAvailable)
	takeBack(l, ami, snap)
}

func checkStarted(t *testing.T, started *ebs.StartSnapshotOutput, now time.Time) {
	t.Helper()
	want := &ebs.StartSnapshotOutput{
		SnapshotId: started.SnapshotId, BlockSize: aws.Int32(blockSize), Description: aws.String("a disk"), OwnerId: aws.String("123456789012"),
		StartTime: &now, Status: ebstypes.StatusPending, VolumeSize: aws.Int64(2),
		Tags: []ebstypes.Tag{{Key: aws.String("Name"), Value: aws.String("disk")}},
	}
	if diff := cmp.Diff(want, started, quiet, cmpopts.IgnoreFields(ebs.StartSnapshotOutput{}, "ResultMetadata")); diff != "" {
		t.Errorf("StartSnapshot (-want +got):\n%s", diff)
	}
}

func checkSnapshot(l *lab, id *string, now time.Time) {
	l.t.Helper()
	out := must(l.ec2.DescribeSnapshots(l.ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*id}}))(l.t)
	want := []types.Snapshot{{
		SnapshotId: id, VolumeId: aws.String("vol-ffffffff"), State: types.SnapshotStateCompleted,
		StartTime: aws.Time(now.Add(-time.Minute)), CompletionTime: aws.Time(now), Progress: aws.String("100%"),
		OwnerId: aws.String("123456789012"), VolumeSize: aws.Int32(2), Description: aws.String("a disk"), Encrypted: aws.Bool(false),
		FullSnapshotSizeInBytes: aws.Int64(3 * blockSize), StorageTier: types.StorageTierStandard,
		Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("disk")}},
	}}
	if diff := cmp.Diff(want, out.Snapshots, quiet); diff != "" {
		l.t.Errorf("DescribeSnapshots (-want +got):\n%s", diff)
	}
}

// checkBlocks reads a snapshot back through the EBS direct APIs.
func checkBlocks(l *lab, id *string, want map[int32][]byte) {
	l.t.Helper()
	list := must(l.ebs.ListSnapshotBlocks(l.ctx, &ebs.ListSnapshotBlocksInput{SnapshotId: id}))(l.t)
	if len(list.Blocks) != len(want) || *list.BlockSize != blockSize || list.ExpiryTime == nil {
		l.t.Fatalf("ListSnapshotBlocks gave %d blocks of %d bytes", len(list.Blocks), *list.BlockSize)
	}
	for _, b := range list.Blocks {
		out := must(l.ebs.GetSnapshotBlock(l.ctx, &ebs.GetSnapshotBlockInput{SnapshotId: id, BlockIndex: b.BlockIndex, BlockToken: b.BlockToken}))(l.t)
		data := must(io.ReadAll(out.BlockData))(l.t)
		if !bytes.Equal(data, want[*b.BlockIndex]) || *out.Checksum != *checksum(data) || *out.DataLength != blockSize {
			l.t.Errorf("block %d differs", *b.BlockIndex)
		}
	}
}

func checkImage(l *lab, ami, snap *string, state types.ImageState) {
	l.t.Helper()
	out := must(l.ec2.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{*ami}}))(l.t)
	want := []types.Image{{
		ImageId: ami, Name: aws.String("hello"), ImageLocation: aws.String("123456789012/hello"), OwnerId: aws.String("123456789012"),
		State: state, Public: aws.Bool(false), Architecture: types.ArchitectureValuesX8664, ImageType: types.ImageTypeValuesMachine,
		KernelId: aws.String("aki-5c21674b"), PlatformDetails: aws.String("Linux/UNIX"), UsageOperation: aws.String("RunInstances"),
		RootDeviceName: aws.String("/dev/sda1"), RootDeviceType: types.DeviceTypeEbs, Hypervisor: types.HypervisorTypeXen,
		VirtualizationType: types.VirtualizationTypeParavirtual, DeregistrationProtection: aws.String("disabled"),
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/sda1"), Ebs: &types.EbsBlockDevice{
			SnapshotId: snap, VolumeSize: aws.Int32(2), VolumeType: types.VolumeTypeStandard, DeleteOnTermination: aws.Bool(true), Encrypted: aws.Bool(false),
		}}},
	}}
	if diff := cmp.Diff(want, out.Images, quiet, cmpopts.IgnoreFields(types.Image{}, "CreationDate")); diff != "" {
		l.t.Errorf("DescribeImages (-want +got):\n%s", diff)
	}
}

// takeBack deregisters an image and deletes its snapshot, in the one order
// that works.
func takeBack(l *lab, ami, snap *string) {
	l.t.Helper()
	_, err := l.ec2.DeleteSnapshot(l.ctx, &ec2.DeleteSnapshotInput{SnapshotId: snap})
	wantRefusal(l.t, err, "InvalidSnapshot.InUse 400")
	out := must(l.ec2.DeregisterImage(l.ctx, &ec2.DeregisterImageInput{ImageId: ami}))(l.t)
	if !aws.ToBool(out.Return) {
		l.t.Error("DeregisterImage did not return true")
	}
	if _, err := l.ec2.DeleteSnapshot(l.ctx, &ec2.DeleteSnapshotInput{SnapshotId: snap}); err != nil {
		l.t.Error(err)
	}
	if left := l.Resources(); len(left) != 0 {
		l.t.Errorf("left behind: %+v", left)
	}
	if n := l.Server.snapshots.DistinctBlocks(); n != 0 {
		l.t.Errorf("%d blocks still in memory", n)
	}
	_, err = l.ec2.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{*ami}})
	wantRefusal(l.t, err, "InvalidAMIID.NotFound 400")
	_, err = l.ec2.DeregisterImage(l.ctx, &ec2.DeregisterImageInput{ImageId: ami})
	wantRefusal(l.t, err, "InvalidAMIID.Unavailable 400")
	_, err = l.ec2.DeleteSnapshot(l.ctx, &ec2.DeleteSnapshotInput{SnapshotId: snap})
	wantRefusal(l.t, err, "InvalidSnapshot.NotFound 400")
}
