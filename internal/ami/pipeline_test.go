package ami_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

func TestBakedImageIsWhatWasAskedFor(t *testing.T) {
	disk := cloudtest.NewMemoryDisk(t, 0, 1, 7, 2047)
	_, s := cloudtest.Start(t, localec2.Options{}, "eu-west-1")
	id, snapshotID, err := cloudtest.Bake(t.Context(), s, disk, &cloud.Ledger{})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(disk, cloudtest.ReadBack(t, s, snapshotID), bytes.Equal) {
		t.Error("the snapshot differs from the disk")
	}
	images, err := ami.Describe(t.Context(), s, &ec2.DescribeImagesInput{ImageIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	image := images[0]
	got := map[string]string{
		"name":           aws.ToString(image.Name),
		"description":    aws.ToString(image.Description),
		"architecture":   string(image.Architecture),
		"virtualization": string(image.VirtualizationType),
		"kernel":         aws.ToString(image.KernelId),
		"root":           aws.ToString(image.RootDeviceName),
		"ena":            fmt.Sprint(aws.ToBool(image.EnaSupport)),
		"snapshot":       aws.ToString(image.BlockDeviceMappings[0].Ebs.SnapshotId),
		"volume":         fmt.Sprintf("%d %s", aws.ToInt32(image.BlockDeviceMappings[0].Ebs.VolumeSize), image.BlockDeviceMappings[0].Ebs.VolumeType),
		"tags":           cloudtest.TagText(image.Tags),
	}
	want := map[string]string{
		"name":           "web-dev",
		"description":    "a test",
		"architecture":   "x86_64",
		"virtualization": "paravirtual",
		"kernel":         "aki-dc9ed9af",
		"root":           "/dev/sda1",
		"ena":            "false",
		"snapshot":       snapshotID,
		"volume":         "1 gp2",
		"tags":           "Environment=dev Service=web unikernel:boot-method=pv-grub unikernel:build=build-1 unikernel:content=CONTENT unikernel:role=image unikernel:system=mirage",
	}
	want["tags"] = strings.Replace(want["tags"], "CONTENT", snapshot.Content(disk.Blocks()), 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever fails on the way, Undo leaves nothing, and the error describes the
// failure.
func TestUndoLeavesNothing(t *testing.T) {
	for _, test := range []struct {
		name   string
		faults []string
		want   string // in the error; "" if the pipeline succeeds all the same
	}{
		{"nothing goes wrong", nil, ""},
		{"start is refused", []string{"StartSnapshot=refuse"}, "start snapshot: "},
		{"start is never answered", []string{"StartSnapshot=cut-after,times=1", "StartSnapshot=cut,from=2"}, ""},
		{"start is never answered, nor the look-up", []string{"StartSnapshot=cut-after,times=1", "StartSnapshot=cut,from=2", "DescribeSnapshots=refuse,times=1"}, "start snapshot: "},
		{"start is answered the second time", []string{"StartSnapshot=cut-after,nth=1"}, ""},
		{"a block is refused for good", []string{"PutSnapshotBlock=refuse,from=3"}, "put block "},
		{"a block is throttled twice", []string{"PutSnapshotBlock=throttle,from=2,times=2"}, ""},
		{"a block's answer is lost", []string{"PutSnapshotBlock=cut-after,nth=2"}, ""},
		{"complete is refused", []string{"CompleteSnapshot=refuse"}, "complete snap-"},
		{"complete is answered the second time", []string{"CompleteSnapshot=cut-after,nth=1"}, ""},
		{"the wait's questions get no answer at first", []string{"DescribeSnapshots=throttle,times=5", "DescribeImages=fail,from=3,times=5"}, ""},
		{"the wait is refused", []string{"DescribeSnapshots=refuse,times=1"}, "wait for snap-"},
		{"register is refused", []string{"RegisterImage=refuse"}, `register "web-dev": `},
		{"register is answered the second time", []string{"RegisterImage=cut-after,nth=1"}, ""},
		{"register is never answered", []string{"RegisterImage=cut-after,times=1", "RegisterImage=cut,from=2"}, ""},
		{"the wait for the image is refused", []string{"DescribeImages=refuse,from=3,times=1"}, "wait for ami-"},
		{"the first delete is throttled", []string{"RegisterImage=refuse", "DeleteSnapshot=throttle,times=2"}, `register "web-dev": `},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, s := cloudtest.Start(t, localec2.Options{SnapshotPending: 20 * time.Millisecond}, "us-east-1", test.faults...)
			var ledger cloud.Ledger
			_, _, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0, 1, 2, 3, 9), &ledger)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v; want %q", err, test.want)
			}
			if _, err := ledger.Undo(t.Context()); err != nil {
				t.Error(err)
			}
			cloudtest.NothingLeft(t, server)
		})
	}
}

func TestUndoFindsWhatIsNotVisibleAtFirst(t *testing.T) {
	options := localec2.Options{Invisible: 150 * time.Millisecond}
	server, s := cloudtest.Start(t, options, "us-east-1", "StartSnapshot=cut-after,times=1", "StartSnapshot=cut,from=2", "DescribeSnapshots=refuse,times=1")
	var ledger cloud.Ledger
	if _, _, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &ledger); err == nil {
		t.Fatal("no error although no answer came")
	}
	removed, err := ledger.Undo(t.Context())
	if err != nil || len(removed) != 1 {
		t.Errorf("removed %v, error %v; want one snapshot", removed, err)
	}
	cloudtest.NothingLeft(t, server)
}

// A request that took effect has created something, even if its answer is lost
// and its retry is refused.
func TestRefusalAfterALostAnswerIsNoRefusal(t *testing.T) {
	for _, test := range []struct {
		faults []string
		want   string // in the error; "" if the pipeline succeeds all the same
	}{
		{[]string{"StartSnapshot=cut-after,nth=1", "StartSnapshot=refuse,from=2"}, ""},
		{[]string{"RegisterImage=cut-after,nth=1"}, ""},
	} {
		server, s := cloudtest.Start(t, localec2.Options{Invisible: 40 * time.Millisecond}, "us-east-1", test.faults...)
		var ledger cloud.Ledger
		_, _, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &ledger)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v: error %v; want %q", test.faults, err, test.want)
		}
		if _, err := ledger.Undo(t.Context()); err != nil {
			t.Error(err)
		}
		cloudtest.NothingLeft(t, server)
	}
}

func TestUndoNamesWhatIsLeft(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1", "RegisterImage=refuse", "DeleteSnapshot=refuse")
	var ledger cloud.Ledger
	if _, _, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &ledger); err == nil {
		t.Fatal("no error although RegisterImage is refused")
	}
	_, err := ledger.Undo(t.Context())
	if err == nil || !strings.Contains(err.Error(), "aws ec2 delete-snapshot --region us-east-1 --snapshot-id snap-") {
		t.Errorf("error %v: it doesn't name what to delete", err)
	}
}

// Canceling at any call leaves nothing.
func TestCancelLeavesNothing(t *testing.T) {
	for _, action := range []string{"StartSnapshot", "PutSnapshotBlock", "CompleteSnapshot", "DescribeSnapshots", "RegisterImage"} {
		t.Run(action, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			options := localec2.Options{
				Latency:         5 * time.Millisecond,
				SnapshotPending: 50 * time.Millisecond,
				OnCall: func(call localec2.Call) {
					if call.Action == action {
						cancel()
					}
				},
			}
			server, s := cloudtest.Start(t, options, "us-east-1")
			var ledger cloud.Ledger
			if _, _, err := cloudtest.Bake(ctx, s, cloudtest.NewMemoryDisk(t, 0, 1, 2, 3), &ledger); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v; want one of the cancelled context", err)
			}
			if _, err := ledger.Undo(ctx); err != nil {
				t.Error(err)
			}
			cloudtest.NothingLeft(t, server)
		})
	}
}

func TestFailedSnapshotEndsTheWait(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{SnapshotPending: time.Hour}, "us-east-1")
	s.Waits.Snapshot = 100 * time.Millisecond
	before := time.Now()
	_, _, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &cloud.Ledger{})
	if took := time.Since(before); took > time.Second {
		t.Errorf("the build took %s", took)
	}
	if err == nil || !strings.Contains(err.Error(), "not done within 100ms; last state: pending (") {
		t.Errorf("error %v; want the budget and the last state", err)
	}
}

func TestChangedDiskIsRefused(t *testing.T) {
	server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	disk := cloudtest.NewMemoryDisk(t, 0, 1)
	plan, err := ami.NewPlan(t.Context(), s, cloudtest.Request(disk))
	if err != nil {
		t.Fatal(err)
	}
	request := cloudtest.SnapshotRequest(plan, disk)
	disk[1][100]++
	var ledger cloud.Ledger
	if _, err = (&snapshot.EBSDirect{Session: s}).Create(t.Context(), request, &ledger); err == nil || !strings.Contains(err.Error(), "put block 1: ") {
		t.Errorf("error %v; want block 1 refused", err)
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	cloudtest.NothingLeft(t, server)
}

// The look-up after a lost answer finds the resource on any page, and nothing else
// that has the tag of the build.
func TestLostAnswersAreLookedUpByRoleOnAllPages(t *testing.T) {
	server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	var ledger cloud.Ledger
	otherImage, otherSnapshot, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &ledger)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.EC2.CreateTags(t.Context(), &ec2.CreateTagsInput{
		Resources: []string{otherImage, otherSnapshot}, Tags: cloud.SortedTags(map[string]string{cloud.RoleTag: "other"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	cloudtest.EmptyFirstPages(s)
	cloudtest.Inject(t, server, "StartSnapshot=cut-after,nth=1", "StartSnapshot=refuse,from=2", "RegisterImage=cut-after,nth=1", "RegisterImage=refuse,from=2")
	request, disk := cloudtest.Request(cloudtest.NewMemoryDisk(t, 1)), cloudtest.NewMemoryDisk(t, 1)
	request.Name = "another" // of the same build
	snapshotID, err := (&snapshot.EBSDirect{Session: s}).Create(t.Context(), cloudtest.SnapshotRequest(&ami.Plan{Request: request}, disk), &ledger)
	if err != nil || snapshotID == otherSnapshot {
		t.Fatalf("snapshot %s, error %v", snapshotID, err)
	}
	plan := &ami.Plan{Request: request, Kernel: ami.AKI{ID: "aki-919dcaf8"}}
	imageID, err := ami.Register(t.Context(), s, plan.Registration(snapshotID), &ledger)
	if err != nil || imageID == otherImage {
		t.Errorf("image %s, error %v", imageID, err)
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	cloudtest.NothingLeft(t, server)
}

// Register knows nothing of boot methods: an hvm AMI has no kernel image and a
// root device of its own.
func TestRegisterHVM(t *testing.T) {
	server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	disk := cloudtest.NewMemoryDisk(t, 0)
	plan := &ami.Plan{Request: cloudtest.Request(disk)}
	var ledger cloud.Ledger
	snapshotID, err := (&snapshot.EBSDirect{Session: s}).Create(t.Context(), cloudtest.SnapshotRequest(plan, disk), &ledger)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ami.Register(t.Context(), s, ami.Registration{
		BuildID: "build-1", Name: "web-hvm", Architecture: "x86_64", Virtualization: "hvm", RootDevice: "/dev/xvda",
		SnapshotID: snapshotID, Volume: ami.Volume{VolumeSize: 1, VolumeType: "gp3"}, Tags: plan.ImageTags(),
	}, &ledger)
	if err != nil {
		t.Fatal(err)
	}
	images, err := ami.Describe(t.Context(), s, &ec2.DescribeImagesInput{ImageIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	if image := images[0]; image.VirtualizationType != "hvm" || image.KernelId != nil || aws.ToString(image.RootDeviceName) != "/dev/xvda" || image.Description != nil {
		t.Errorf("registered %+v", image)
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	cloudtest.NothingLeft(t, server)
}
