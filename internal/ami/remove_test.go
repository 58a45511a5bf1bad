package ami_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// startBaked starts a local EC2 with an AMI in it.
func startBaked(t *testing.T) (server *localec2.Running, s *cloud.Session, id string) {
	t.Helper()
	server, s = cloudtest.Start(t, localec2.Options{}, "us-east-1")
	id, _, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &cloud.Ledger{})
	if err != nil {
		t.Fatal(err)
	}
	return server, s, id
}

func TestTag(t *testing.T) {
	server, s, id := startBaked(t)
	for _, fault := range []string{"CreateTags=throttle,times=3", "CreateTags=cut-after,times=3", "CreateTags=fail,code=InvalidAMIID.NotFound,status=400,times=2"} {
		cloudtest.Inject(t, server, fault)
		if err := ami.Tag(t.Context(), s, id, map[string]string{"unikernel:smoke-test": fault}); err != nil {
			t.Error(err)
		}
		images := server.Resources()["us-east-1"].Images
		if images[0].Tags["unikernel:smoke-test"] != fault || images[0].Tags[cloud.SystemTag] != "mirage" {
			t.Errorf("tags %v", images[0].Tags)
		}
		server.ClearFaults()
	}
	cloudtest.WantError(t, ami.Tag(t.Context(), s, "ami-00000000", map[string]string{"a": "b"}), "tag ami-00000000: ", "InvalidAMIID.NotFound")
	cloudtest.Inject(t, server, "CreateTags=refuse")
	cloudtest.WantError(t, ami.Tag(t.Context(), s, id, map[string]string{"a": "b"}), "UnauthorizedOperation")
}

func TestRemove(t *testing.T) {
	for _, faults := range [][]string{
		nil,
		{"DescribeImages=throttle,times=3"},
		{"DescribeSnapshots=cut,times=3"},
		{"DeregisterImage=throttle,times=3"},
		{"DeregisterImage=cut,times=3"},
		{"DeregisterImage=cut-after,times=1"},
		{"DeregisterImage=cut-after,times=1", "DeregisterImage=cut,from=2,times=3"},
		{"DeregisterImage=throttle,times=100"},
		{"DeregisterImage=fail,code=TooManyRequests,status=429,times=30"},
		{"DescribeImages=fail,code=TooManyRequests,status=429,times=30"},
		{"DeleteSnapshot=throttle,times=100"},
		{"DeleteSnapshot=throttle,times=3"},
		{"DeleteSnapshot=cut,times=3"},
		{"DeleteSnapshot=cut-after,times=3"},
	} {
		server, s, id := startBaked(t)
		cloudtest.Inject(t, server, faults...)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // Remove works all the same
		if _, err := ami.Remove(ctx, s, id); err != nil {
			t.Errorf("%v: %v", faults, err)
		}
		cloudtest.NothingLeft(t, server)
	}
}

func TestRemoveLeavesWhatOthersNeed(t *testing.T) {
	server, s, id := startBaked(t)
	other := cloudtest.RegisterAs(t, s, ec2.RegisterImageInput{Name: aws.String("other"), Architecture: "x86_64", VirtualizationType: aws.String("hvm")})
	if _, err := ami.Remove(t.Context(), s, id); err != nil {
		t.Error(err)
	}
	left := server.Resources()["us-east-1"]
	if len(left.Images) != 1 || left.Images[0].ID != other || len(left.Snapshots) != 1 {
		t.Errorf("left: %+v %+v", left.Images, left.Snapshots)
	}
	// Amazon's kernels are images of another account.
	_, err := ami.Remove(t.Context(), s, "aki-919dcaf8")
	cloudtest.WantError(t, err, "this account has no such AMI in us-east-1")
	cloudtest.Inject(t, server, "DeregisterImage=refuse")
	_, err = ami.Remove(t.Context(), s, other)
	cloudtest.WantError(t, err, "aws ec2 deregister-image --region us-east-1 --image-id "+other)
}
