package ami_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// A copying is a source AMI in us-east-1, and a session in another region.
type copying struct {
	server   *localec2.Running
	disk     cloudtest.MemoryDisk
	imageID  string
	snapshot string
	from, to *cloud.Session
}

func newCopying(t *testing.T, region string, options localec2.Options, faults ...string) *copying {
	t.Helper()
	c := &copying{disk: cloudtest.NewMemoryDisk(t, 0, 1, 7, 2047)}
	c.server, c.from = cloudtest.Start(t, options, "us-east-1")
	var err error
	if c.imageID, c.snapshot, err = cloudtest.Bake(t.Context(), c.from, c.disk, &cloud.Ledger{}); err != nil {
		t.Fatal(err)
	}
	c.to = cloudtest.Connect(t, c.server.Env(), region)
	cloudtest.Inject(t, c.server, faults...)
	return c
}

// copy plans and makes a copy.
func (c *copying) copy(ctx context.Context, t *testing.T, method string, ledger *cloud.Ledger) (types.Image, error) {
	t.Helper()
	source, err := ami.FindSource(ctx, c.from, c.imageID, method != ami.CopyImage)
	if err != nil {
		return types.Image{}, err
	}
	plan, err := ami.PlanCopy(ctx, c.to, source, ami.CopyRequest{
		BuildID: "copy-1", Name: "web", Description: "a copy", Method: method,
		UserImageTags: map[string]string{"Service": "www"}, UserSnapshotTags: map[string]string{"Cost": "1"},
	})
	if err != nil {
		return types.Image{}, err
	}
	copier := &ami.Copier{Step: func(string) {}}
	if plan.Method == ami.Upload {
		file, err := os.Create(filepath.Join(t.TempDir(), "disk"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if copier.Disk, err = source.Fetch(ctx, file); err != nil {
			return types.Image{}, err
		}
	}
	return copier.Copy(ctx, plan, ledger)
}

// onlySource checks that the destination has nothing, and the source everything.
func (c *copying) onlySource(t *testing.T) {
	t.Helper()
	left := c.server.Resources()
	if len(left) != 1 || len(left["us-east-1"].Images) != 1 || len(left["us-east-1"].Snapshots) != 1 {
		t.Errorf("left behind: %+v", left)
	}
}

func TestCopyByBothMethods(t *testing.T) {
	for _, method := range []string{ami.CopyImage, ami.Upload} {
		t.Run(method, func(t *testing.T) {
			c := newCopying(t, "eu-west-1", localec2.Options{CopyPending: 50 * time.Millisecond})
			image, err := c.copy(t.Context(), t, method, &cloud.Ledger{})
			if err != nil {
				t.Fatal(err)
			}
			if image.State != types.ImageStateAvailable || aws.ToString(image.KernelId) != "aki-dc9ed9af" ||
				aws.ToString(image.Name) != "web" || aws.ToString(image.Description) != "a copy" ||
				image.VirtualizationType != types.VirtualizationTypeParavirtual || aws.ToString(image.RootDeviceName) != "/dev/sda1" {
				t.Errorf("copy %+v", image)
			}
			tags := cloudtest.TagText(image.Tags)
			for _, want := range []string{"Environment=dev", "Service=www", "unikernel:build=copy-1", "unikernel:content=", "unikernel:role=image"} {
				if !strings.Contains(tags, want) {
					t.Errorf("tags %s lack %s", tags, want)
				}
			}
			id := aws.ToString(image.BlockDeviceMappings[0].Ebs.SnapshotId)
			found, err := c.to.EC2.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
			if err != nil {
				t.Fatal(err)
			}
			if tags := cloudtest.TagText(found.Snapshots[0].Tags); !strings.Contains(tags, "Cost=1") || !strings.Contains(tags, "Retain=no") || !strings.Contains(tags, "unikernel:role=snapshot") {
				t.Errorf("tags of the snapshot: %s", tags)
			}
			if !maps.EqualFunc(c.disk, cloudtest.ReadBack(t, c.to, id), bytes.Equal) {
				t.Error("the copy differs from the disk")
			}
		})
	}
}

// Whatever fails on the way, Undo leaves nothing in the destination.
func TestUndoOfACopyLeavesNothing(t *testing.T) {
	for _, test := range []struct {
		name, method, fault, want string
	}{
		{"refused", ami.CopyImage, "CopyImage=refuse", "copy to eu-west-1: "},
		{"answered the second time", ami.CopyImage, "CopyImage=cut-after,nth=1", ""},
		{"never answered", ami.CopyImage, "CopyImage=cut-after", ""},
		{"fails after its time", ami.CopyImage, "CopyImage=end-pending", "the AMI is failed"},
		{"limit for a while", ami.CopyImage, "CopyImage=fail,code=ResourceLimitExceeded,status=400,times=3", ""},
		{"wait is refused", ami.CopyImage, "DescribeImages=refuse,region=eu-west-1,from=3", "wait for ami-"},
		{"first removal is throttled", ami.CopyImage, "DeleteSnapshot=throttle,times=2", ""},
		{"block of the source is lost", ami.Upload, "GetSnapshotBlock=cut,nth=2", ""},
		{"block of the source is refused", ami.Upload, "GetSnapshotBlock=refuse,from=2", "get block "},
		{"block is refused", ami.Upload, "PutSnapshotBlock=refuse,from=3", "put block "},
		{"register is refused", ami.Upload, "RegisterImage=refuse", "register "},
		{"register is never answered", ami.Upload, "RegisterImage=cut-after", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCopying(t, "eu-west-1", localec2.Options{CopyPending: 10 * time.Millisecond, Invisible: 20 * time.Millisecond}, test.fault)
			var ledger cloud.Ledger
			_, err := c.copy(t.Context(), t, test.method, &ledger)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v; want %q", err, test.want)
			}
			if _, err := ledger.Undo(t.Context()); err != nil {
				t.Error(err)
			}
			c.onlySource(t)
		})
	}
}

func TestCancelledCopyLeavesNothing(t *testing.T) {
	for method, action := range map[string]string{ami.CopyImage: "CopyImage", ami.Upload: "RegisterImage"} {
		t.Run(method, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c := newCopying(t, "eu-west-1", localec2.Options{CopyPending: time.Hour, Latency: 2 * time.Millisecond, OnCall: func(call localec2.Call) {
				if call.Action == action && call.Region == "eu-west-1" {
					cancel()
				}
			}})
			var ledger cloud.Ledger
			if _, err := c.copy(ctx, t, method, &ledger); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v; want one of the cancelled context", err)
			}
			if _, err := ledger.Undo(ctx); err != nil {
				t.Error(err)
			}
			c.onlySource(t)
		})
	}
}

func TestCopyThatNeverEnds(t *testing.T) {
	c := newCopying(t, "eu-west-1", localec2.Options{CopyPending: time.Hour})
	c.to.Waits.Image = 60 * time.Millisecond
	var ledger cloud.Ledger
	_, err := c.copy(t.Context(), t, ami.CopyImage, &ledger)
	cloudtest.WantError(t, err, "not done within 60ms; last state: pending")
	if removed, err := ledger.Undo(t.Context()); err != nil || len(removed) != 1 {
		t.Errorf("removed %v, error %v", removed, err)
	}
	c.onlySource(t)
}

// A region that can't have a copy is refused before anything is created there.
func TestRefusedCopyPlans(t *testing.T) {
	for _, test := range []struct {
		name, region, method, want string
	}{
		{"region without pv", "eu-west-3", ami.AutoCopy, "region eu-west-3 has no instance type that runs PV images"},
		{"another partition", "us-gov-west-1", ami.CopyImage, "copy to us-gov-west-1: CopyImage does not work between partitions"},
	} {
		c := newCopying(t, test.region, localec2.Options{})
		_, err := c.copy(t.Context(), t, test.method, &cloud.Ledger{})
		cloudtest.WantError(t, err, test.want)
		c.onlySource(t)
	}
}

// An upload reaches other partitions, with the kernel of the region.
func TestUploadToAnotherPartition(t *testing.T) {
	c := newCopying(t, "cn-north-1", localec2.Options{})
	image, err := c.copy(t.Context(), t, ami.AutoCopy, &cloud.Ledger{})
	if err != nil || aws.ToString(image.KernelId) != "aki-9e8f1da7" {
		t.Errorf("kernel %s, error %v", aws.ToString(image.KernelId), err)
	}
}

// The same content under the same name is kept, other content is not.
func TestExistingCopy(t *testing.T) {
	c := newCopying(t, "eu-west-1", localec2.Options{})
	image, err := c.copy(t.Context(), t, ami.Upload, &cloud.Ledger{})
	if err != nil {
		t.Fatal(err)
	}
	source, err := ami.FindSource(t.Context(), c.from, c.imageID, true)
	if err != nil {
		t.Fatal(err)
	}
	request := ami.CopyRequest{BuildID: "copy-2", Name: "web", Method: ami.AutoCopy}
	plan, err := ami.PlanCopy(t.Context(), c.to, source, request)
	if err != nil || plan.Existing != aws.ToString(image.ImageId) {
		t.Errorf("existing %q, error %v", plan.Existing, err)
	}
	request.Encrypt = true
	_, err = ami.PlanCopy(t.Context(), c.to, source, request)
	cloudtest.WantError(t, err, `the name "web" is taken in eu-west-1 by `+aws.ToString(image.ImageId))
	if err := ami.Tag(t.Context(), c.to, aws.ToString(image.ImageId), map[string]string{cloud.ContentTag: "other"}); err != nil {
		t.Fatal(err)
	}
	request.Encrypt = false
	_, err = ami.PlanCopy(t.Context(), c.to, source, request)
	cloudtest.WantError(t, err, `the name "web" is taken in eu-west-1`)
}

// A disk that isn't the one in the AMI's tags is not uploaded.
func TestFetchChecksTheContent(t *testing.T) {
	c := newCopying(t, "eu-west-1", localec2.Options{})
	if err := ami.Tag(t.Context(), c.from, c.imageID, map[string]string{cloud.ContentTag: "other"}); err != nil {
		t.Fatal(err)
	}
	_, err := c.copy(t.Context(), t, ami.Upload, &cloud.Ledger{})
	cloudtest.WantError(t, err, c.snapshot+" doesn't hold the disk of "+c.imageID)
	c.onlySource(t)
}

func TestCheckRegions(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	err := ami.CheckRegions(t.Context(), s, []string{"eu-west-1", "eu-west-9", "af-south-1", "cn-north-1"})
	cloudtest.WantError(t, err, "region eu-west-9 does not exist", "region af-south-1 is not enabled")
	if strings.Contains(err.Error(), "cn-north-1") || strings.Contains(err.Error(), "eu-west-1 ") {
		t.Errorf("error %v", err)
	}
}

// A copy has all properties of its source, and an hvm AMI has no kernel.
func TestCopyOfHVM(t *testing.T) {
	for _, method := range []string{ami.CopyImage, ami.Upload} {
		c := newCopying(t, "eu-west-3", localec2.Options{})
		c.imageID = cloudtest.RegisterAs(t, c.from, ec2.RegisterImageInput{
			Name: aws.String("hvm"), Architecture: types.ArchitectureValuesX8664, VirtualizationType: aws.String("hvm"),
			EnaSupport: aws.Bool(true), SriovNetSupport: aws.String("simple"), BootMode: types.BootModeValuesUefi,
			ImdsSupport: types.ImdsSupportValuesV20, TpmSupport: types.TpmSupportValuesV20,
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeImage, Tags: cloud.SortedTags(map[string]string{cloud.BootMethodTag: "disk"})}},
		})
		image, err := c.copy(t.Context(), t, method, &cloud.Ledger{})
		if err != nil {
			t.Fatal(err)
		}
		root := image.BlockDeviceMappings[0].Ebs
		if image.KernelId != nil || !aws.ToBool(image.EnaSupport) || aws.ToString(image.SriovNetSupport) != "simple" || image.BootMode != types.BootModeValuesUefi ||
			image.ImdsSupport != types.ImdsSupportValuesV20 || image.TpmSupport != types.TpmSupportValuesV20 || aws.ToBool(root.DeleteOnTermination) {
			t.Errorf("%s: copy %+v of %+v", method, image, root)
		}
	}
}

// An AMI that boots only on Xen goes to a region without PV instances, but not to one
// without any Xen instances.
func TestCopyOfXenOnlyAMI(t *testing.T) {
	c := newCopying(t, "eu-west-3", localec2.Options{})
	c.imageID = cloudtest.RegisterAs(t, c.from, ec2.RegisterImageInput{
		Name: aws.String("shim"), Architecture: types.ArchitectureValuesX8664, VirtualizationType: aws.String("hvm"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeImage, Tags: cloud.SortedTags(map[string]string{cloud.BootMethodTag: "pv-shim"})}},
	})
	var ledger cloud.Ledger
	if _, err := c.copy(t.Context(), t, ami.CopyImage, &ledger); err != nil {
		t.Error(err)
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	cloudtest.HookCalls(c.to, func(action string, request *http.Request, send cloudtest.Send) (*http.Response, error) {
		if action == "DescribeInstanceTypes" {
			return cloudtest.Answer("<DescribeInstanceTypesResponse/>"), nil
		}
		return send(request)
	})
	_, err := c.copy(t.Context(), t, ami.CopyImage, &ledger)
	cloudtest.WantError(t, err, "region eu-west-3 has no instance type that runs hvm images on Xen")
}
