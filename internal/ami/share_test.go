package ami_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

const (
	org = "arn:aws:organizations::111122223333:organization/o-abcdefghij"
	ou  = "arn:aws:organizations::111122223333:ou/o-abcdefghij/ou-ab12-cdefgh34"
)

func TestCheckPermissions(t *testing.T) {
	good := ami.Permissions{
		Users: []string{"111122223333"}, Groups: []string{"all"}, OrgARNs: []string{org}, OUARNs: []string{ou},
		SnapshotUsers: []string{"111122223333"}, SnapshotGroups: []string{"all"},
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	bad := ami.Permissions{
		Users: []string{"1111-2222-3333"}, Groups: []string{"everyone"}, OrgARNs: []string{ou}, OUARNs: []string{org},
		SnapshotUsers: []string{""}, SnapshotGroups: []string{"self"},
	}
	cloudtest.WantError(t, bad.Check(), `{Users} contains "1111-2222-3333"`, `{Groups} contains "everyone"`, "{OrgARNs} contains", "{OUARNs} contains",
		`{SnapshotUsers} contains ""`, `{SnapshotGroups} contains "self"`)
}

// shared lists the permissions of an image and its snapshot, sorted.
func shared(t *testing.T, s *cloud.Session, imageID, snapshotID string) (image, snap []string) {
	t.Helper()
	launch, err := s.EC2.DescribeImageAttribute(t.Context(), &ec2.DescribeImageAttributeInput{ImageId: &imageID, Attribute: types.ImageAttributeNameLaunchPermission})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range launch.LaunchPermissions {
		image = append(image, aws.ToString(p.UserId)+string(p.Group)+aws.ToString(p.OrganizationArn)+aws.ToString(p.OrganizationalUnitArn))
	}
	volumes, err := s.EC2.DescribeSnapshotAttribute(t.Context(), &ec2.DescribeSnapshotAttributeInput{
		SnapshotId: &snapshotID, Attribute: types.SnapshotAttributeNameCreateVolumePermission,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range volumes.CreateVolumePermissions {
		snap = append(snap, aws.ToString(p.UserId)+string(p.Group))
	}
	slices.Sort(image)
	slices.Sort(snap)
	return image, snap
}

func TestShare(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1", "ModifyImageAttribute=cut-after,nth=1", "ModifySnapshotAttribute=throttle,nth=1")
	image, snap, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &cloud.Ledger{})
	if err != nil {
		t.Fatal(err)
	}
	wanted := ami.Permissions{
		Users: []string{"444455556666", "111122223333", "444455556666"}, Groups: []string{"all"}, OrgARNs: []string{org}, OUARNs: []string{ou},
		SnapshotUsers: []string{"111122223333"},
	}
	for range 2 { // it may be repeated
		if err := ami.Share(t.Context(), s, image, []string{snap}, wanted); err != nil {
			t.Fatal(err)
		}
	}
	launch, volumes := shared(t, s, image, snap)
	if diff := cmp.Diff([]string{"111122223333", "444455556666", "all", org, ou}, launch); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"111122223333"}, volumes); diff != "" {
		t.Error(diff)
	}
}

func TestShareErrors(t *testing.T) {
	for _, test := range []struct {
		name        string
		permissions ami.Permissions
		fault       string
		want        string
	}{
		{"denied", ami.Permissions{Users: []string{"111122223333"}}, "ModifyImageAttribute=refuse", "UnauthorizedOperation"},
		{"no such account", ami.Permissions{Users: []string{"000000000000"}}, "", "doesn't exist"},
		{"block public access", ami.Permissions{Groups: []string{"all"}}, "ModifyImageAttribute=fail,code=OperationNotPermitted,status=400", "get-image-block-public-access-state --region us-east-1"},
		{"quota", ami.Permissions{Groups: []string{"all"}}, "ModifyImageAttribute=fail,code=ResourceLimitExceeded,status=400", "quota for public AMIs"},
		{"snapshot blocked", ami.Permissions{SnapshotGroups: []string{"all"}}, "ModifySnapshotAttribute=fail,code=OperationNotPermitted,status=400", "get-snapshot-block-public-access-state"},
		{"snapshot encrypted", ami.Permissions{SnapshotUsers: []string{"111122223333"}}, "ModifySnapshotAttribute=fail,code=OperationNotPermitted,status=400", "customer managed key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
			image, snap, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &cloud.Ledger{})
			if err != nil {
				t.Fatal(err)
			}
			if test.fault != "" {
				cloudtest.Inject(t, server, test.fault)
			}
			cloudtest.WantError(t, ami.Share(t.Context(), s, image, []string{snap}, test.permissions), "share ", " in us-east-1: ", test.want)
			if launch, volumes := shared(t, s, image, snap); len(launch)+len(volumes) > 0 {
				t.Errorf("shared with %v and %v", launch, volumes)
			}
		})
	}
}
