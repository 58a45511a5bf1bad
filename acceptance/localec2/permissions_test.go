package localec2

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

const (
	testOrg = "arn:aws:organizations::111122223333:organization/o-abcdefghij"
	testOU  = "arn:aws:organizations::111122223333:ou/o-abcdefghij/ou-ab12-cdefgh34"
)

// launchPermissions lists an image's permissions, in the order of the server.
func (l *lab) launchPermissions(ami *string) []string {
	l.t.Helper()
	out := must(l.ec2.DescribeImageAttribute(l.ctx, &ec2.DescribeImageAttributeInput{ImageId: ami, Attribute: types.ImageAttributeNameLaunchPermission}))(l.t)
	var all []string
	for _, p := range out.LaunchPermissions {
		all = append(all, aws.ToString(p.UserId)+string(p.Group)+aws.ToString(p.OrganizationArn)+aws.ToString(p.OrganizationalUnitArn))
	}
	return all
}

func (l *lab) permit(in *ec2.ModifyImageAttributeInput) {
	l.t.Helper()
	must(l.ec2.ModifyImageAttribute(l.ctx, in))(l.t)
}

func TestLaunchPermissions(t *testing.T) {
	l := start(t, Options{})
	ami := l.register("shared", l.snapshot())
	l.permit(&ec2.ModifyImageAttributeInput{ImageId: ami, LaunchPermission: &types.LaunchPermissionModifications{
		Add: []types.LaunchPermission{{UserId: aws.String("111122223333")}, {OrganizationArn: aws.String(testOrg)}, {OrganizationalUnitArn: aws.String(testOU)}},
	}})
	l.permit(&ec2.ModifyImageAttributeInput{ // the other form; the first user is there already
		ImageId: ami, Attribute: aws.String("launchPermission"), OperationType: types.OperationTypeAdd,
		UserIds: []string{"111122223333", "444455556666"}, UserGroups: []string{"all"},
	})
	want := []string{"111122223333", testOrg, testOU, "444455556666", "all"}
	if diff := cmp.Diff(want, l.launchPermissions(ami)); diff != "" {
		t.Error(diff)
	}
	for account, visible := range map[string]bool{"all": true, "444455556666": true, "999900001111": false, "self": false} {
		out := must(l.ec2.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ExecutableUsers: []string{account}, Owners: []string{"self"}}))(t)
		if got := len(out.Images) == 1; got != visible {
			t.Errorf("executable by %s: %t, want %t", account, got, visible)
		}
	}
	l.permit(&ec2.ModifyImageAttributeInput{ImageId: ami, LaunchPermission: &types.LaunchPermissionModifications{
		Remove: []types.LaunchPermission{{Group: types.PermissionGroupAll}, {UserId: aws.String("999900001111")}},
	}})
	image := must(l.ec2.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{*ami}}))(t).Images[0]
	if slices.Contains(l.launchPermissions(ami), "all") || aws.ToBool(image.Public) {
		t.Error("the image is still public")
	}
	must(l.ec2.ResetImageAttribute(l.ctx, &ec2.ResetImageAttributeInput{ImageId: ami, Attribute: types.ResetImageAttributeNameLaunchPermission}))(t)
	if left := l.launchPermissions(ami); len(left) != 0 {
		t.Errorf("%v after a reset", left)
	}
}

func TestImageAttributes(t *testing.T) {
	l := start(t, Options{})
	ami := l.register("described", l.snapshot())
	for i, in := range []*ec2.ModifyImageAttributeInput{
		{ImageId: ami, Description: &types.AttributeValue{Value: aws.String("first")}},
		{ImageId: ami, Attribute: aws.String("description"), Value: aws.String("second")},
	} {
		l.permit(in)
		out := must(l.ec2.DescribeImageAttribute(l.ctx, &ec2.DescribeImageAttributeInput{ImageId: ami, Attribute: types.ImageAttributeNameDescription}))(t)
		if got, want := aws.ToString(out.Description.Value), []string{"first", "second"}[i]; got != want {
			t.Errorf("description %q, want %q", got, want)
		}
	}
	out := must(l.ec2.DescribeImageAttribute(l.ctx, &ec2.DescribeImageAttributeInput{ImageId: ami, Attribute: types.ImageAttributeNameKernel}))(t)
	if got := aws.ToString(out.KernelId.Value); !strings.HasPrefix(got, "aki-") {
		t.Errorf("kernel %q", got)
	}
}

func TestModifyImageAttributeRefusals(t *testing.T) {
	l := start(t, Options{})
	ami := l.register("refused", l.snapshot())
	gone := l.register("gone", l.snapshot())
	must(l.ec2.DeregisterImage(l.ctx, &ec2.DeregisterImageInput{ImageId: gone}))(t)
	add := func(p types.LaunchPermission) *ec2.ModifyImageAttributeInput {
		return &ec2.ModifyImageAttributeInput{ImageId: ami, LaunchPermission: &types.LaunchPermissionModifications{Add: []types.LaunchPermission{p}}}
	}
	for name, test := range map[string]struct {
		in   *ec2.ModifyImageAttributeInput
		want string
	}{
		"user with dashes":     {add(types.LaunchPermission{UserId: aws.String("1111-2222-3333")}), "InvalidAMIAttributeItemValue 400"},
		"user that is no user": {add(types.LaunchPermission{UserId: aws.String("000000000000")}), "InvalidAMIAttributeItemValue 400"},
		"group of IAM":         {add(types.LaunchPermission{Group: "Developers"}), "InvalidAMIAttributeItemValue 400"},
		"account as an org":    {add(types.LaunchPermission{OrganizationArn: aws.String("arn:aws:organizations::111122223333:account/o-abcdefghij")}), "InvalidAMIAttributeItemValue 400"},
		"path as a unit":       {add(types.LaunchPermission{OrganizationalUnitArn: aws.String("arn:aws:organizations::111122223333:ou/path/to")}), "InvalidAMIAttributeItemValue 400"},
		"nothing":              {&ec2.ModifyImageAttributeInput{ImageId: ami}, "InvalidParameterCombination 400"},
		"list without an operation": {&ec2.ModifyImageAttributeInput{ImageId: ami, Attribute: aws.String("launchPermission"),
			UserIds: []string{"111122223333"}}, "MissingParameter 400"},
		"operation unknown": {&ec2.ModifyImageAttributeInput{ImageId: ami, OperationType: "set", UserIds: []string{"111122223333"}}, "InvalidParameterValue 400"},
		"attribute unknown": {&ec2.ModifyImageAttributeInput{ImageId: ami, Attribute: aws.String("kernel"), Value: aws.String("aki-5c21674b")}, "InvalidParameterValue 400"},
		"two attributes": {&ec2.ModifyImageAttributeInput{ImageId: ami, Description: &types.AttributeValue{Value: aws.String("x")},
			OperationType: types.OperationTypeAdd, UserGroups: []string{"all"}}, "InvalidParameterCombination 400"},
		"image of Amazon": {&ec2.ModifyImageAttributeInput{ImageId: aws.String("aki-5c21674b"), OperationType: types.OperationTypeAdd,
			UserGroups: []string{"all"}}, "AuthFailure 403"},
		"image unknown":      {&ec2.ModifyImageAttributeInput{ImageId: aws.String("ami-00000000")}, "InvalidAMIID.NotFound 400"},
		"image deregistered": {&ec2.ModifyImageAttributeInput{ImageId: gone}, "InvalidAMIID.Unavailable 400"},
		"dry run": {&ec2.ModifyImageAttributeInput{ImageId: ami, OperationType: types.OperationTypeAdd, UserGroups: []string{"all"},
			DryRun: aws.Bool(true)}, "DryRunOperation 412"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := l.ec2.ModifyImageAttribute(l.ctx, test.in)
			wantRefusal(t, err, test.want)
		})
	}
	if all := l.launchPermissions(ami); len(all) != 0 {
		t.Errorf("%v although everything was refused", all)
	}
}

func TestSnapshotPermissions(t *testing.T) {
	l := start(t, Options{})
	snap := l.snapshot()
	must(l.ec2.ModifySnapshotAttribute(l.ctx, &ec2.ModifySnapshotAttributeInput{
		SnapshotId: snap, Attribute: types.SnapshotAttributeNameCreateVolumePermission, OperationType: types.OperationTypeAdd,
		UserIds: []string{"111122223333"}, GroupNames: []string{"all"},
	}))(t)
	must(l.ec2.ModifySnapshotAttribute(l.ctx, &ec2.ModifySnapshotAttributeInput{
		SnapshotId: snap, CreateVolumePermission: &types.CreateVolumePermissionModifications{Remove: []types.CreateVolumePermission{{Group: types.PermissionGroupAll}}},
	}))(t)
	out := must(l.ec2.DescribeSnapshotAttribute(l.ctx, &ec2.DescribeSnapshotAttributeInput{
		SnapshotId: snap, Attribute: types.SnapshotAttributeNameCreateVolumePermission,
	}))(t)
	if len(out.CreateVolumePermissions) != 1 || aws.ToString(out.CreateVolumePermissions[0].UserId) != "111122223333" {
		t.Errorf("permissions %+v", out.CreateVolumePermissions)
	}
	for account, visible := range map[string]bool{"all": false, "111122223333": true, "999900001111": false, "self": true} {
		out := must(l.ec2.DescribeSnapshots(l.ctx, &ec2.DescribeSnapshotsInput{RestorableByUserIds: []string{account}}))(t)
		if got := len(out.Snapshots) == 1; got != visible {
			t.Errorf("restorable by %s: %t, want %t", account, got, visible)
		}
	}
}

func TestModifySnapshotAttributeRefusals(t *testing.T) {
	l := start(t, Options{})
	snap, pending := l.snapshot(), l.begin()
	encrypted := must(l.ebs.StartSnapshot(l.ctx, encryptedSnapshot("")))(t).SnapshotId
	custom := must(l.ebs.StartSnapshot(l.ctx, encryptedSnapshot("arn:aws:kms:us-east-1:123456789012:key/k")))(t).SnapshotId
	for _, id := range []*string{encrypted, custom} {
		if err := l.complete(id, 0); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		snapshot    *string
		user, group string
		want        string
	}{
		"user malformed":                 {snap, "1234", "", "InvalidParameterValue 400"},
		"group unknown":                  {snap, "", "some", "InvalidParameterValue 400"},
		"nothing":                        {snap, "", "", "InvalidParameterCombination 400"},
		"snapshot pending":               {pending, "111122223333", "", "IncorrectState 400"},
		"snapshot unknown":               {aws.String("snap-00000000"), "111122223333", "", "InvalidSnapshot.NotFound 400"},
		"encrypted with the default key": {encrypted, "111122223333", "", "OperationNotPermitted 400"},
		"encrypted and public":           {custom, "", "all", "OperationNotPermitted 400"},
		"encrypted with a key":           {custom, "111122223333", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := &ec2.ModifySnapshotAttributeInput{
				SnapshotId: test.snapshot, Attribute: types.SnapshotAttributeNameCreateVolumePermission, OperationType: types.OperationTypeAdd,
			}
			if test.user != "" {
				in.UserIds = []string{test.user}
			}
			if test.group != "" {
				in.GroupNames = []string{test.group}
			}
			_, err := l.ec2.ModifySnapshotAttribute(l.ctx, in)
			wantRefusal(t, err, test.want)
		})
	}
}

func TestBlockPublicAccess(t *testing.T) {
	l := start(t, Options{})
	ami := l.register("private", l.snapshot())
	public := &ec2.ModifyImageAttributeInput{ImageId: ami, OperationType: types.OperationTypeAdd, UserGroups: []string{"all"}}
	state := func() string {
		return aws.ToString(must(l.ec2.GetImageBlockPublicAccessState(l.ctx, &ec2.GetImageBlockPublicAccessStateInput{}))(t).ImageBlockPublicAccessState)
	}
	if got := state(); got != "unblocked" {
		t.Errorf("at first %s", got)
	}
	_, err := l.ec2.EnableImageBlockPublicAccess(l.ctx, &ec2.EnableImageBlockPublicAccessInput{ImageBlockPublicAccessState: "all"})
	wantRefusal(t, err, "InvalidParameterValue 400")
	must(l.ec2.EnableImageBlockPublicAccess(l.ctx, &ec2.EnableImageBlockPublicAccessInput{
		ImageBlockPublicAccessState: types.ImageBlockPublicAccessEnabledStateBlockNewSharing,
	}))(t)
	_, err = l.ec2.ModifyImageAttribute(l.ctx, public)
	wantRefusal(t, err, "OperationNotPermitted 400")
	if got := state(); got != "block-new-sharing" {
		t.Errorf("after enabling it, %s", got)
	}
	must(l.ec2.DisableImageBlockPublicAccess(l.ctx, &ec2.DisableImageBlockPublicAccessInput{}))(t)
	l.permit(public)
}

// encryptedSnapshot asks for an encrypted snapshot with a key, or with the
// default one.
func encryptedSnapshot(key string) *ebs.StartSnapshotInput {
	in := &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1), Encrypted: aws.Bool(true)}
	if key != "" {
		in.KmsKeyArn = &key
	}
	return in
}
