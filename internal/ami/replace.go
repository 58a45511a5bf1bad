package ami

import (
	"context"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// A Replacement is an AMI that has taken the name of an earlier one.
type Replacement struct {
	ID      string
	Removed []string // the earlier AMI and its snapshots
	Left    error    // what could not be removed of the earlier one's snapshots; nil for nothing
}

// Replace registers an AMI whose name an earlier one of the plan has. EC2 allows
// each name once, and no AMI can be renamed, so the earlier one must go before the
// new one gets the name. To lose it as late as possible, the new one is first
// registered under another name, of the same snapshots. Only when that one is
// available, the earlier one is deregistered and the name registered again. A
// cancelled ctx doesn't part these two.
//
// With withSnapshots, the snapshots of the earlier AMI are deleted when the new
// one is available, except those that other AMIs need.
func Replace(ctx context.Context, s *cloud.Session, plan *Plan, r Registration, withSnapshots bool, ledger *cloud.Ledger) (*Replacement, error) {
	trial := r
	trial.Name = trialName(r.Name, r.BuildID)
	trial.Tags = maps.Clone(r.Tags)
	trial.Tags[cloud.RoleTag] = cloud.RoleTrial
	trialID, err := Register(ctx, s, trial, ledger)
	if err != nil {
		return nil, fmt.Errorf("try the AMI that is to replace %s: %w", plan.Replaces, err)
	}
	var snapshots []string
	if withSnapshots {
		if snapshots, err = ownSnapshots(ctx, s, plan.Replaces); err != nil {
			return nil, fmt.Errorf("look up the snapshots of %s: %w", plan.Replaces, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Waits.Image)
	defer cancel()
	if err := deregister(ctx, s, plan.Replaces); err != nil {
		return nil, fmt.Errorf("deregister %s, which has the name %q: %w", plan.Replaces, r.Name, err)
	}
	r.replaces = true
	done := &Replacement{Removed: []string{plan.Replaces}}
	if done.ID, err = Register(ctx, s, r, ledger); err != nil {
		return nil, fmt.Errorf("%w (%s, which had the name, is deregistered)", err, plan.Replaces)
	}
	var old cloud.Ledger
	for _, id := range snapshots {
		old.Add(snapshot.Resource(s), id)
	}
	removed, err := old.Undo(ctx)
	done.Removed, done.Left = append(done.Removed, removed...), err
	return done, removeTrial(ctx, s, trialID, ledger)
}

// removeTrial deregisters the trial. If that fails, the ledger still has it.
func removeTrial(ctx context.Context, s *cloud.Session, id string, ledger *cloud.Ledger) error {
	if err := deregister(ctx, s, id); err != nil {
		return fmt.Errorf("deregister the trial %s: %w", id, err)
	}
	ledger.Strike(id)
	return nil
}

func deregister(ctx context.Context, s *cloud.Session, id string) error {
	return s.Waits.Retry(ctx, func() (bool, error) {
		_, err := s.EC2.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: aws.String(id)})
		if cloud.HasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable") {
			return false, nil // an earlier attempt, whose answer was lost, has done it
		}
		return cloud.IsTransient(err), err
	})
}

// trialName is the name of an AMI that is registered for a trial.
func trialName(name, build string) string {
	const longest = 128
	suffix := " trial " + build
	return name[:min(len(name), longest-len(suffix))] + suffix
}
