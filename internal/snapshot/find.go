package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Find returns snapshots that the account can use, by id. It fails if one doesn't
// exist or isn't completed.
func Find(ctx context.Context, s *cloud.Session, ids ...string) (map[string]types.Snapshot, error) {
	found, err := describe(ctx, s, &ec2.DescribeSnapshotsInput{Filters: []types.Filter{cloud.Filter("snapshot-id", ids...)}})
	if err != nil {
		return nil, fmt.Errorf("look up snapshots in %s: %w", s.Region, err)
	}
	byID := map[string]types.Snapshot{}
	for _, one := range found {
		byID[aws.ToString(one.SnapshotId)] = one
	}
	var errs []error
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if one, ok := byID[id]; !ok {
			errs = append(errs, fmt.Errorf("look up snapshot %s: %s has no such snapshot that this account can use: snapshots belong to a region; check the ID and the region", id, s.Region))
		} else if one.State != types.SnapshotStateCompleted {
			errs = append(errs, fmt.Errorf("look up snapshot %s: it is %s: wait until it is completed, or use another", id, one.State))
		}
	}
	return byID, errors.Join(errs...)
}
