package ami

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// stepRegister makes the AMI of the snapshots.
type stepRegister struct{ *build }

func (s *stepRegister) Run(ctx context.Context, _ multistep.StateBag) multistep.StepAction {
	s.err = nil // from an earlier attempt, if the user chose to retry
	var err error
	if s.plan.Replaces == "" {
		s.imageID, err = ami.Register(ctx, s.session, s.plan.Registration(s.snapshotID), &s.ledger)
	} else {
		s.imageID, err = s.replace(ctx)
	}
	if err != nil {
		return s.fail(component.Explain(err))
	}
	s.ui.Say(fmt.Sprintf("AMI %s: available in %s, %.1f s after the start",
		s.imageID, s.plan.Region, time.Since(s.started).Seconds()))
	return multistep.ActionContinue
}

func (s *stepRegister) Cleanup(multistep.StateBag) {}

// replace makes the AMI in place of an earlier one of the same name.
func (s *stepRegister) replace(ctx context.Context) (string, error) {
	done, err := ami.Replace(ctx, s.session, s.plan, s.plan.Registration(s.snapshotID), s.config.ForceDeleteSnapshot, &s.ledger)
	if err != nil {
		return "", err
	}
	s.ui.Say("removed the earlier AMI of this name: " + strings.Join(done.Removed, ", "))
	if done.Left != nil {
		s.ui.Say("warning: " + done.Left.Error())
	}
	return done.ID, nil
}
