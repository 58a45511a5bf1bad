package ami

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Grant gives the permissions that an AMI and its snapshots don't have yet, the
// snapshots first. What it adds is in the ledger, whose Undo withdraws it. It
// returns the number of permissions that it added.
func Grant(ctx context.Context, s *cloud.Session, imageID string, snapshotIDs []string, p Permissions, ledger *cloud.Ledger) (added int, err error) {
	var targets []shared
	if len(p.volumes()) > 0 {
		for _, id := range snapshotIDs {
			targets = append(targets, snapshotPermissions{s, id, p.volumes()})
		}
	}
	if len(p.launch()) > 0 {
		targets = append(targets, imagePermissions{s, imageID, p.launch()})
	}
	for _, target := range targets {
		missing, n, err := target.missing(ctx)
		if err == nil && n > 0 {
			added += n
			_, err = ledger.Create(ctx, grant{missing}, func(sent *cloud.Attempts) (string, error) {
				return missing.String(), missing.modify(ctx, true, sent.OnEC2)
			})
		}
		if err != nil {
			return added, target.failed(err)
		}
	}
	return added, nil
}

// shared is a set of permissions of an AMI or a snapshot.
type shared interface {
	fmt.Stringer
	session() *cloud.Session
	missing(context.Context) (_ shared, n int, _ error)
	modify(ctx context.Context, add bool, options ...func(*ec2.Options)) error
	command() string // that withdraws the permissions
	failed(error) error
}

// grant is the ledger's view of permissions that were added.
type grant struct{ shared }

func (g grant) Session() *cloud.Session { return g.session() }

func (g grant) Describe(string) string { return fmt.Sprintf("%s (%s)", g.shared, g.command()) }

// Find reports whether all of the permissions are there: a request adds all or
// none.
func (g grant) Find(ctx context.Context) (string, error) {
	_, n, err := g.missing(ctx)
	if err != nil || n > 0 {
		return "", err
	}
	return g.String(), nil
}

func (g grant) Remove(ctx context.Context, _ string) error {
	err := g.modify(ctx, false)
	if cloud.HasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidSnapshot.NotFound") {
		return cloud.ErrGone
	}
	return err
}

// imagePermissions are launch permissions of an AMI.
type imagePermissions struct {
	s      *cloud.Session
	id     string
	launch []types.LaunchPermission
}

func (p imagePermissions) session() *cloud.Session { return p.s }

func (p imagePermissions) String() string { return "launch permissions of " + p.id }

func launchKey(p types.LaunchPermission) string {
	return string(p.Group) + aws.ToString(p.UserId) + aws.ToString(p.OrganizationArn) + aws.ToString(p.OrganizationalUnitArn)
}

func (p imagePermissions) missing(ctx context.Context) (shared, int, error) {
	answer, err := p.s.EC2.DescribeImageAttribute(ctx, &ec2.DescribeImageAttributeInput{ImageId: aws.String(p.id), Attribute: types.ImageAttributeNameLaunchPermission})
	if err != nil {
		return nil, 0, err
	}
	p.launch = without(p.launch, answer.LaunchPermissions, launchKey)
	return p, len(p.launch), nil
}

func (p imagePermissions) modify(ctx context.Context, add bool, options ...func(*ec2.Options)) error {
	change := &types.LaunchPermissionModifications{Remove: p.launch}
	if add {
		change = &types.LaunchPermissionModifications{Add: p.launch}
	}
	_, err := p.s.EC2.ModifyImageAttribute(ctx, &ec2.ModifyImageAttributeInput{ImageId: aws.String(p.id), LaunchPermission: change}, options...)
	return err
}

func (p imagePermissions) command() string {
	return fmt.Sprintf("see aws ec2 describe-image-attribute --region %s --image-id %s --attribute launchPermission", p.s.Region, p.id)
}

func (p imagePermissions) failed(err error) error {
	return ShareError{p.s.Region, p.id, "AMI", slices.ContainsFunc(p.launch, func(one types.LaunchPermission) bool { return one.Group != "" }), err}
}

// snapshotPermissions are permissions to create volumes of a snapshot.
type snapshotPermissions struct {
	s       *cloud.Session
	id      string
	volumes []types.CreateVolumePermission
}

func (p snapshotPermissions) session() *cloud.Session { return p.s }

func (p snapshotPermissions) String() string { return "permissions of " + p.id }

func volumeKey(p types.CreateVolumePermission) string {
	return string(p.Group) + aws.ToString(p.UserId)
}

func (p snapshotPermissions) missing(ctx context.Context) (shared, int, error) {
	answer, err := p.s.EC2.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{
		SnapshotId: aws.String(p.id), Attribute: types.SnapshotAttributeNameCreateVolumePermission,
	})
	if err != nil {
		return nil, 0, err
	}
	p.volumes = without(p.volumes, answer.CreateVolumePermissions, volumeKey)
	return p, len(p.volumes), nil
}

func (p snapshotPermissions) modify(ctx context.Context, add bool, options ...func(*ec2.Options)) error {
	change := &types.CreateVolumePermissionModifications{Remove: p.volumes}
	if add {
		change = &types.CreateVolumePermissionModifications{Add: p.volumes}
	}
	_, err := p.s.EC2.ModifySnapshotAttribute(ctx, &ec2.ModifySnapshotAttributeInput{
		SnapshotId: aws.String(p.id), Attribute: types.SnapshotAttributeNameCreateVolumePermission, CreateVolumePermission: change,
	}, options...)
	return err
}

func (p snapshotPermissions) command() string {
	return fmt.Sprintf("see aws ec2 describe-snapshot-attribute --region %s --snapshot-id %s --attribute createVolumePermission", p.s.Region, p.id)
}

func (p snapshotPermissions) failed(err error) error {
	return ShareError{p.s.Region, p.id, "snapshot", slices.ContainsFunc(p.volumes, func(one types.CreateVolumePermission) bool { return one.Group != "" }), err}
}

// without returns the wanted items that are not there.
func without[T any](wanted, there []T, key func(T) string) []T {
	var missing []T
	for _, one := range wanted {
		if !slices.ContainsFunc(there, func(other T) bool { return key(other) == key(one) }) {
			missing = append(missing, one)
		}
	}
	return missing
}

// CheckPublic reports an error if the account blocks public AMIs in a region. It
// returns nil if the caller may not ask.
func CheckPublic(ctx context.Context, s *cloud.Session) error {
	answer, err := s.EC2.GetImageBlockPublicAccessState(ctx, &ec2.GetImageBlockPublicAccessStateInput{})
	switch {
	case cloud.IsRefusal(err):
		return nil
	case err != nil:
		return fmt.Errorf("look up block public access in %s: %w", s.Region, err)
	case aws.ToString(answer.ImageBlockPublicAccessState) != string(types.ImageBlockPublicAccessDisabledStateUnblocked):
		return fmt.Errorf("the account blocks public AMIs in %s: remove \"all\" from {Groups}, or run aws ec2 disable-image-block-public-access --region %s", s.Region, s.Region)
	}
	return nil
}
