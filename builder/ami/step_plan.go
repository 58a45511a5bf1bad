package ami

import (
	"context"
	"fmt"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// stepPlan checks with AWS everything that can be checked before anything is
// created, and shows the plan.
type stepPlan struct{ *build }

func (s *stepPlan) Run(ctx context.Context, _ multistep.StateBag) multistep.StepAction {
	s.err = nil // from an earlier attempt, if the user chose to retry
	blocks, err := s.wrapped.Disk.Blocks(ctx)
	if err != nil {
		return s.fail(err)
	}
	s.session, err = s.config.Connect(ctx, s.connect)
	if err != nil {
		return s.fail(component.Explain(err))
	}
	s.blocks = blocks
	s.plan, err = ami.NewPlan(ctx, s.session, ami.Request{
		BuildID:      s.id,
		Name:         s.config.AMIName,
		Description:  s.config.AMIDescription,
		Environment:  s.config.Environment,
		System:       s.wrapped.Report.System,
		Architecture: s.wrapped.Report.Arch,
		MaxMemoryMiB: s.wrapped.Report.MaxMemoryMiB,
		KernelID:     s.config.KernelID,
		VolumeSize:   s.config.VolumeSize,
		VolumeType:   s.config.VolumeType,
		Content:      snapshot.Content(blocks),

		UserImageTags:    s.config.Tags,
		UserSnapshotTags: s.config.SnapshotTags,
	})
	if err != nil {
		return s.fail(component.Explain(err))
	}
	s.show()
	if s.config.PlanOnly {
		s.ui.Say("plan_only is set: nothing was created")
	}
	return multistep.ActionContinue
}

func (s *stepPlan) Cleanup(multistep.StateBag) {}

func (s *stepPlan) show() {
	s.ui.Say(fmt.Sprintf("plan: AMI %q in %s, account %s", s.plan.Name, s.plan.Region, s.plan.Account))
	s.ui.Say(fmt.Sprintf("boots with %s, command line %q", s.plan.Kernel, s.wrapped.CommandLine))
	s.ui.Say(fmt.Sprintf("root volume: %d GiB (%s), %d blocks of 512 KiB to upload",
		s.plan.VolumeSize, s.plan.VolumeType, len(s.blocks)))
	if s.plan.Environment != "" {
		s.ui.Say("environment " + s.plan.Environment)
	}
}
