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

// ErrImpaired says that an instance has failed EC2's instance status check. EC2
// asks the guest by ARP, once a minute
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html):
// its network doesn't answer, be it that it has crashed or that it has none.
var ErrImpaired = errors.New("EC2's instance status check failed: the guest's network doesn't respond")

// ErrMachine says that an instance has failed EC2's system status check.
var ErrMachine = errors.New("EC2's system status check failed: the host of the instance is impaired, which has nothing to do with the image; try again")

// Watch watches an instance that runs until ctx is done, and returns
// nil then. It returns an error as soon as the instance has stopped or is being
// terminated, with EC2's reason, or when the check of the machine below it
// fails. It returns [ErrImpaired], but once for an instance: who takes the guest
// for well all the same may call it again, to have its state watched on.
func Watch(ctx context.Context, s *cloud.Session, in *Instance) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.Waits.Watch):
		}
		if err := lookAt(ctx, s, in); err != nil && ctx.Err() == nil {
			return fmt.Errorf("watch %s: %w", in.ID, err)
		}
	}
}

// lookAt takes one look. One that AWS could not answer tells nothing.
func lookAt(ctx context.Context, s *cloud.Session, in *Instance) error {
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

// checkStatus returns an error where a status check has failed. A check that
// has not been made yet, or has too little data, has not.
func checkStatus(ctx context.Context, s *cloud.Session, in *Instance) error {
	answer, err := s.EC2.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{
		InstanceIds: []string{in.ID}, IncludeAllInstances: aws.Bool(true),
	})
	if err != nil {
		return err
	}
	failed := func(check *types.InstanceStatusSummary) bool {
		return check != nil && check.Status == types.SummaryStatusImpaired
	}
	for _, status := range answer.InstanceStatuses {
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
