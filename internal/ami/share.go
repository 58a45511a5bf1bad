package ami

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Permissions say who may launch an AMI, and who may create volumes from its
// snapshots.
type Permissions struct {
	Users   []string // account ids
	Groups  []string // only "all", which makes the AMI public
	OrgARNs []string // organizations
	OUARNs  []string // organizational units

	SnapshotUsers  []string
	SnapshotGroups []string
}

// everyone is the only group that EC2 knows.
const everyone = string(types.PermissionGroupAll)

var (
	accountID = regexp.MustCompile(`^\d{12}$`)
	orgARN    = regexp.MustCompile(`^arn:aws[a-z-]*:organizations::\d{12}:organization/o-[a-z0-9]{10,32}$`)
	ouARN     = regexp.MustCompile(`^arn:aws[a-z-]*:organizations::\d{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}$`)
)

// Check checks the form of all values, and returns all errors joined.
func (p Permissions) Check() error {
	var errs []error
	for _, list := range []struct {
		field  string
		values []string
		valid  func(string) bool
		rule   string
	}{
		{"Users", p.Users, accountID.MatchString, "account ids have 12 digits, without dashes"},
		{"SnapshotUsers", p.SnapshotUsers, accountID.MatchString, "account ids have 12 digits, without dashes"},
		{"Groups", p.Groups, isEveryone, `the only group is "all", which stands for every account`},
		{"SnapshotGroups", p.SnapshotGroups, isEveryone, `the only group is "all", which stands for every account`},
		{"OrgARNs", p.OrgARNs, orgARN.MatchString, "must be the ARN of an organization, as in arn:aws:organizations::111122223333:organization/o-abcdefghij"},
		{"OUARNs", p.OUARNs, ouARN.MatchString, "must be the ARN of an organizational unit, as in arn:aws:organizations::111122223333:ou/o-abcdefghij/ou-ab12-cdefgh34"},
	} {
		for _, value := range list.values {
			if !list.valid(value) {
				errs = append(errs, fmt.Errorf("{%s} contains %q: %s", list.field, value, list.rule))
			}
		}
	}
	return errors.Join(errs...)
}

func isEveryone(group string) bool { return group == everyone }

// Empty reports whether there is nothing to share.
func (p Permissions) Empty() bool { return len(p.launch()) == 0 && len(p.volumes()) == 0 }

// launch returns the launch permissions, each once.
func (p Permissions) launch() []types.LaunchPermission {
	var all []types.LaunchPermission
	for _, id := range unique(p.Users) {
		all = append(all, types.LaunchPermission{UserId: aws.String(id)})
	}
	for _, group := range unique(p.Groups) {
		all = append(all, types.LaunchPermission{Group: types.PermissionGroup(group)})
	}
	for _, arn := range unique(p.OrgARNs) {
		all = append(all, types.LaunchPermission{OrganizationArn: aws.String(arn)})
	}
	for _, arn := range unique(p.OUARNs) {
		all = append(all, types.LaunchPermission{OrganizationalUnitArn: aws.String(arn)})
	}
	return all
}

// volumes returns the permissions to create volumes, each once.
func (p Permissions) volumes() []types.CreateVolumePermission {
	var all []types.CreateVolumePermission
	for _, id := range unique(p.SnapshotUsers) {
		all = append(all, types.CreateVolumePermission{UserId: aws.String(id)})
	}
	for _, group := range unique(p.SnapshotGroups) {
		all = append(all, types.CreateVolumePermission{Group: types.PermissionGroup(group)})
	}
	return all
}

// unique returns the values sorted, each once.
func unique(values []string) []string { return slices.Compact(slices.Sorted(slices.Values(values))) }

// Share gives the permissions on an available AMI and its snapshots, the
// snapshots first. Permissions that are there already are kept. It may be
// repeated. It doesn't take anything back if it fails halfway.
func Share(ctx context.Context, s *cloud.Session, imageID string, snapshotIDs []string, p Permissions) error {
	if volumes := p.volumes(); len(volumes) > 0 {
		for _, id := range snapshotIDs {
			if err := modifySnapshot(ctx, s, id, &types.CreateVolumePermissionModifications{Add: volumes}); err != nil {
				return ShareError{s.Region, id, "snapshot", slices.Contains(p.SnapshotGroups, everyone), err}
			}
		}
	}
	if launch := p.launch(); len(launch) > 0 {
		if err := modifyImage(ctx, s, imageID, &types.LaunchPermissionModifications{Add: launch}); err != nil {
			return ShareError{s.Region, imageID, "AMI", slices.Contains(p.Groups, everyone), err}
		}
	}
	return nil
}

func modifyImage(ctx context.Context, s *cloud.Session, id string, change *types.LaunchPermissionModifications) error {
	return s.Waits.Retry(ctx, func() (bool, error) {
		_, err := s.EC2.ModifyImageAttribute(ctx, &ec2.ModifyImageAttributeInput{ImageId: aws.String(id), LaunchPermission: change})
		return cloud.HasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable") || cloud.IsTransient(err), err
	})
}

func modifySnapshot(ctx context.Context, s *cloud.Session, id string, change *types.CreateVolumePermissionModifications) error {
	return s.Waits.Retry(ctx, func() (bool, error) {
		_, err := s.EC2.ModifySnapshotAttribute(ctx, &ec2.ModifySnapshotAttributeInput{
			SnapshotId: aws.String(id), Attribute: types.SnapshotAttributeNameCreateVolumePermission, CreateVolumePermission: change,
		})
		return cloud.HasCode(err, "InvalidSnapshot.NotFound", "IncorrectState") || cloud.IsTransient(err), err
	})
}
