package ami

import (
	"context"
	"fmt"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ec2ami"
)

// stepPlan asks AWS what can be asked before anything is created, and shows
// what will be.
type stepPlan struct{ *build }

func (s *stepPlan) Run(ctx context.Context, _ multistep.StateBag) multistep.StepAction {
	s.err = nil // of an earlier try, which the user wants repeated
	blocks, err := s.wrapped.Blocks(ctx)
	if err != nil {
		return s.fail(err)
	}
	s.session, err = s.config.Connect(ctx, s.connect)
	if err != nil {
		return s.fail(err)
	}
	s.plan, err = s.session.Plan(ctx, ec2ami.Request{
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
		ImageTags:    s.config.Tags,
		SnapshotTags: s.config.SnapshotTags,
		Blocks:       blocks,
	})
	if err != nil {
		return s.fail(err)
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
	s.ui.Say(fmt.Sprintf("boots %s with arguments %q", s.plan.Kernel, s.wrapped.CommandLine))
	s.ui.Say(fmt.Sprintf("root volume of %d GiB (%s), %d of its 512 KiB blocks to upload",
		s.plan.VolumeSize, s.plan.VolumeType, len(s.plan.Blocks)))
	if s.plan.Environment != "" {
		s.ui.Say("environment " + s.plan.Environment)
	}
}
