package ami

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// Remove removes an AMI of this account, with those of its snapshots that belong
// to this account and that no other AMI of it needs. Like [cloud.Ledger.Undo] it
// doesn't end with ctx, but with the Undo budget. It returns what was removed,
// and an error that names what is left.
func Remove(ctx context.Context, s *cloud.Session, id string) (removed []string, err error) {
	lookup, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Waits.Undo)
	defer cancel()
	var snapshots []string
	err = s.Waits.Retry(lookup, func() (_ bool, err error) {
		snapshots, err = ownSnapshots(lookup, s, id)
		return errors.Is(err, cloud.ErrGone) || cloud.IsTransient(err), err
	})
	if err != nil {
		return nil, fmt.Errorf("remove %s: %w", resource{session: s}.Describe(id), err)
	}
	var ledger cloud.Ledger
	for _, snapshotID := range snapshots {
		ledger.Add(snapshot.Resource(s), snapshotID)
	}
	ledger.Add(resource{session: s}, id)
	return ledger.Undo(ctx)
}

// ownSnapshots returns the snapshots to remove with an AMI, which must belong to
// this account.
func ownSnapshots(ctx context.Context, s *cloud.Session, id string) ([]string, error) {
	images, err := Describe(ctx, s, &ec2.DescribeImagesInput{
		Owners: []string{"self"}, Filters: []types.Filter{cloud.Filter("image-id", id)},
	})
	if err != nil {
		return nil, err
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("this account has no such AMI in %s, and AMIs of other accounts are never removed: %w", s.Region, cloud.ErrGone)
	}
	var own []string
	for _, id := range unique(SnapshotIDs(images[0])) {
		if free, err := isFree(ctx, s, id, buildOf(images[0].Tags)); err != nil {
			return nil, err
		} else if free {
			own = append(own, id)
		}
	}
	return own, nil
}

// buildOf is the build that tags name, "" if there is none.
func buildOf(tags []types.Tag) string {
	for _, tag := range tags {
		if aws.ToString(tag.Key) == cloud.BuildTag {
			return aws.ToString(tag.Value)
		}
	}
	return ""
}

// isFree reports whether a snapshot belongs to this account and to one AMI only.
// If a build of this project has made the AMI, the snapshot must be of the same
// build: the user may have specified another for a further volume.
func isFree(ctx context.Context, s *cloud.Session, id, build string) (bool, error) {
	own, err := snapshot.IsOwn(ctx, s, id, build)
	if err != nil || !own {
		return false, err
	}
	users, err := Describe(ctx, s, &ec2.DescribeImagesInput{
		Owners: []string{"self"}, Filters: []types.Filter{cloud.Filter("block-device-mapping.snapshot-id", id)},
	})
	return len(users) == 1, err
}
