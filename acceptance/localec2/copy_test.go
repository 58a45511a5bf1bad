package localec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// copyOf is a request to copy an image from us-east-1.
func copyOf(ami *string, name string) *ec2.CopyImageInput {
	return &ec2.CopyImageInput{Name: &name, SourceImageId: ami, SourceRegion: aws.String("us-east-1")}
}

// image describes one image.
func (l *lab) image(id *string) types.Image {
	l.t.Helper()
	return must(l.ec2.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{*id}}))(l.t).Images[0]
}

func TestCopyImage(t *testing.T) {
	clk := newClock()
	l := start(t, Options{Now: clk.Now, CopyPending: time.Minute})
	snap := l.snapshot()
	ami := l.register("web", snap)
	must(l.ec2.CreateTags(l.ctx, &ec2.CreateTagsInput{Resources: []string{*ami, *snap}, Tags: []types.Tag{tagOf("a", "1"), tagOf("b", "2")}}))(t)
	dublin := l.as("eu-west-1", "AKIATEST")
	in := copyOf(ami, "copy")
	in.CopyImageTags = aws.Bool(true)
	in.TagSpecifications = []types.TagSpecification{
		{ResourceType: types.ResourceTypeImage, Tags: []types.Tag{tagOf("b", "3")}},
		{ResourceType: types.ResourceTypeSnapshot, Tags: []types.Tag{tagOf("c", "4")}},
	}
	id := must(dublin.ec2.CopyImage(l.ctx, in))(t).ImageId
	if got := dublin.image(id); got.State != types.ImageStatePending {
		t.Errorf("state %s right after CopyImage", got.State)
	}
	clk.turn(time.Minute)

	got := dublin.image(id)
	volume := got.BlockDeviceMappings[0].Ebs
	if got.State != types.ImageStateAvailable || *got.KernelId != "aki-dc9ed9af" || *got.SourceImageId != *ami || *volume.SnapshotId == *snap {
		t.Errorf("copy %+v of snapshot %s", got, *volume.SnapshotId)
	}
	if diff := cmp.Diff("image a=1\nimage b=3\nsnapshot c=4", tagsSeen(t, dublin)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	checkBlocks(dublin, volume.SnapshotId, map[int32][]byte{0: content('x')})
	if n := l.Server.snapshots.DistinctBlocks(); n != 1 {
		t.Errorf("%d blocks in memory; want 1, shared", n)
	}

	must(l.ec2.DeregisterImage(l.ctx, &ec2.DeregisterImageInput{ImageId: ami}))(t)
	l.drop(snap)
	checkBlocks(dublin, volume.SnapshotId, map[int32][]byte{0: content('x')})
	takeBack(dublin, id, volume.SnapshotId)
}

func TestRefusedCopies(t *testing.T) {
	l := start(t, Options{CopyPending: time.Hour, CopyLimit: 1, ImagePending: time.Hour})
	pending := l.register("pending", l.snapshot())
	ready := start(t, Options{CopyPending: time.Hour, CopyLimit: 1})
	ami := ready.register("web", ready.snapshot())
	for _, test := range []struct {
		name, region string
		lab          *lab
		ami          *string
		change       func(*ec2.CopyImageInput)
		want         string
	}{
		{"region of another partition", "us-gov-west-1", ready, ami, func(*ec2.CopyImageInput) {}, "InvalidParameterValue 400"},
		{"region without pv", "eu-west-3", ready, ami, func(*ec2.CopyImageInput) {}, "UnsupportedOperation 400"},
		{"source that is not there", "eu-west-1", ready, aws.String("ami-12345678"), func(*ec2.CopyImageInput) {}, "InvalidAMIID.NotFound 400"},
		{"source that is pending", "eu-west-1", l, pending, func(*ec2.CopyImageInput) {}, "InvalidAMIID.Unavailable 400"},
		{"kernel", "eu-west-1", ready, aws.String("aki-5c21674b"), func(*ec2.CopyImageInput) {}, "InvalidRequest 400"},
		{"name taken", "us-east-1", ready, ami, func(in *ec2.CopyImageInput) { in.Name = aws.String("web") }, "InvalidAMIName.Duplicate 400"},
		{"key without encryption", "eu-west-1", ready, ami, func(in *ec2.CopyImageInput) { in.KmsKeyId = aws.String("alias/a") }, "InvalidParameterDependency 400"},
		{"duration", "eu-west-1", ready, ami, func(in *ec2.CopyImageInput) { in.SnapshotCopyCompletionDurationMinutes = aws.Int64(20) }, "InvalidParameterValue 400"},
		{"tags of an instance", "eu-west-1", ready, ami, func(in *ec2.CopyImageInput) {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{tagOf("a", "1")}}}
		}, "InvalidParameterValue 400"},
		{"dry run", "eu-west-1", ready, ami, func(in *ec2.CopyImageInput) { in.DryRun = aws.Bool(true) }, "DryRunOperation 412"},
		{"first copy", "eu-west-1", ready, ami, func(in *ec2.CopyImageInput) { in.Name = aws.String("first") }, ""},
		{"one copy too many", "eu-west-1", ready, ami, func(in *ec2.CopyImageInput) { in.Name = aws.String("second") }, "ResourceLimitExceeded 400"},
		{"copy to another region", "sa-east-1", ready, ami, func(*ec2.CopyImageInput) {}, ""},
	} {
		in := copyOf(test.ami, "copy")
		test.change(in)
		_, err := test.lab.as(test.region, "AKIATEST").ec2.CopyImage(l.ctx, in)
		if got := refusal(err); got != test.want {
			t.Errorf("%s: got %q (%v), want %q", test.name, got, err, test.want)
		}
	}
}

// A copy that fails does so after its time.
func TestFailedCopies(t *testing.T) {
	clk := newClock()
	l := start(t, Options{Now: clk.Now, CopyPending: time.Minute})
	ami := l.register("web", l.snapshot())
	dublin := l.as("eu-west-1", "AKIATEST")
	foreign := copyOf(ami, "foreign key")
	foreign.Encrypted, foreign.KmsKeyId = aws.Bool(true), aws.String("arn:aws:kms:us-east-1:123456789012:key/1")
	ids := []*string{must(dublin.ec2.CopyImage(l.ctx, foreign))(t).ImageId}
	fault, err := ParseFault("CopyImage=end-pending,nth=1")
	if err != nil {
		t.Fatal(err)
	}
	l.Inject(fault)
	ids = append(ids, must(dublin.ec2.CopyImage(l.ctx, copyOf(ami, "fault")))(t).ImageId)
	good := must(dublin.ec2.CopyImage(l.ctx, copyOf(ami, "good")))(t).ImageId
	for _, id := range ids {
		if got := dublin.image(id).State; got != types.ImageStatePending {
			t.Errorf("%s is %s, want pending", *id, got)
		}
	}
	clk.turn(time.Minute)
	for _, id := range ids {
		if got := dublin.image(id); got.State != types.ImageStateFailed || got.StateReason == nil {
			t.Errorf("%s is %s, reason %v", *id, got.State, got.StateReason)
		}
	}
	if got := dublin.image(good).State; got != types.ImageStateAvailable {
		t.Errorf("good copy is %s", got)
	}
	failed := must(dublin.ec2.DescribeSnapshots(l.ctx, &ec2.DescribeSnapshotsInput{Filters: []types.Filter{filterBy("status", "error")}}))(t)
	if len(failed.Snapshots) != 2 || *failed.Snapshots[0].StateMessage != "The snapshot could not be copied" {
		t.Errorf("failed snapshots: %+v", failed.Snapshots)
	}
}
