package ami

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
)

// stepRegister makes the AMI of the snapshot.
type stepRegister struct{ *build }

func (s *stepRegister) Run(ctx context.Context, _ multistep.StateBag) multistep.StepAction {
	s.err = nil // from an earlier attempt, if the user chose to retry
	id, err := ami.Register(ctx, s.session, s.plan.Registration(s.snapshotID), &s.ledger)
	if err != nil {
		return s.fail(err)
	}
	s.imageID = id
	s.ui.Say(fmt.Sprintf("AMI %s: available in %s, %.1f s after the start",
		id, s.plan.Region, time.Since(s.started).Seconds()))
	return multistep.ActionContinue
}

func (s *stepRegister) Cleanup(multistep.StateBag) {}
