package instance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// ErrImpaired means that an instance has failed EC2's instance status check. EC2
// sends the guest an ARP request once a minute
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html):
// its network doesn't respond, whether it crashed or has no network.
var ErrImpaired = errors.New("EC2's instance status check failed: the guest's network doesn't respond")

// ErrMachine means that an instance has failed EC2's system status check.
var ErrMachine = errors.New("EC2's system status check failed: the host of the instance is impaired, which has nothing to do with the image; try again")

// Watch watches a running instance until ctx is done, and then returns nil. It
// returns an error as soon as the instance stops or is being terminated, with
// EC2's reason, or when the check of its host fails. It returns [ErrImpaired]
// only once per instance: a caller that considers the guest healthy all the same
// may call it again to keep watching the state.
func Watch(ctx context.Context, s *cloud.Session, in *Instance) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.Waits.Watch):
		}
		if err := checkOnce(ctx, s, in); err != nil && ctx.Err() == nil {
			return fmt.Errorf("watch %s: %w", in.ID, err)
		}
	}
}

// checkOnce checks the instance once. A question that AWS could not answer counts
// for nothing.
func checkOnce(ctx context.Context, s *cloud.Session, in *Instance) error {
	found, err := describeInstance(ctx, s, in.ID)
	if err == nil && hasEnded(found) {
		return endError(found)
	}
	if err == nil && !in.impaired {
		err = checkStatus(ctx, s, in)
	}
	if cloud.IsTransient(err) || isUnseen(err) {
		return nil
	}
	return err
}

// checkStatus returns an error if a status check has failed. A check that was
// not made yet, or has insufficient data, has not failed.
func checkStatus(ctx context.Context, s *cloud.Session, in *Instance) error {
	pager := ec2.NewDescribeInstanceStatusPaginator(s.EC2, &ec2.DescribeInstanceStatusInput{
		InstanceIds: []string{in.ID}, IncludeAllInstances: aws.Bool(true),
	})
	statuses, err := cloud.All(ctx, pager, func(page *ec2.DescribeInstanceStatusOutput) []types.InstanceStatus { return page.InstanceStatuses })
	if err != nil {
		return err
	}
	failed := func(check *types.InstanceStatusSummary) bool {
		return check != nil && check.Status == types.SummaryStatusImpaired
	}
	for _, status := range statuses {
		if failed(status.SystemStatus) {
			return ErrMachine
		}
		impaired := failed(status.InstanceStatus)
		if impaired && in.suspect {
			in.impaired = true
			return ErrImpaired
		}
		in.suspect = impaired // a guest that is slow to start gets a second chance
	}
	return nil
}
