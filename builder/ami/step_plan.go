package ami

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
)

// stepPlan checks with AWS everything that can be checked before anything is
// created, and shows the plan.
type stepPlan struct{ *build }

func (s *stepPlan) Run(ctx context.Context, _ multistep.StateBag) multistep.StepAction {
	s.err = nil // from an earlier attempt, if the user chose to retry
	var err error
	s.session, err = s.config.Connect(ctx, s.connect)
	if err != nil {
		return s.fail(component.Explain(err))
	}
	err = s.makePlan(ctx)
	if s.config.BootMethod == boot.Auto && s.wrapped.Method == boot.PVGRUB && lacksPV(err) {
		s.ui.Say(fmt.Sprintf("%s has no PV instances: using boot method %s", s.session.Region, boot.PVShim.Name()))
		if err = s.wrapped.Again(ctx, &s.config.Config, boot.PVShim); err == nil {
			err = s.makePlan(ctx)
		}
	}
	if err != nil {
		return s.fail(component.Explain(err))
	}
	s.show()
	if e := s.plan.Reused; e != nil {
		s.imageID, s.snapshotID = e.ImageID, e.SnapshotID
		s.ui.Say(fmt.Sprintf("AMI %s in %s is of the same contents: reusing it", e.ImageID, s.plan.Region))
	}
	if s.config.PlanOnly {
		s.ui.Say("plan_only is set: nothing was created")
	}
	return multistep.ActionContinue
}

func (s *stepPlan) Cleanup(multistep.StateBag) {}

// lacksPV reports whether all that is wrong with a plan is that the region runs
// no PV instances.
func lacksPV(err error) bool {
	if err == nil {
		return false
	}
	lacks := true
	_ = cloud.Each(err, func(one error) error {
		_, noTypes := errors.AsType[ami.NoPVError](one)
		_, noAKI := errors.AsType[ami.NoPVGRUBError](one)
		lacks = lacks && (noTypes || noAKI)
		return one
	})
	return lacks
}

func (s *stepPlan) makePlan(ctx context.Context) (err error) {
	if s.blocks, err = s.wrapped.Blocks(ctx); err != nil {
		return err
	}
	c, w := s.config, s.wrapped
	if err := errors.Join(c.checkHVM(w.Method.Name())...); err != nil {
		return err
	}
	registration := w.Method.Registration()
	request := ami.Request{
		BuildID:        s.id,
		Name:           c.AMIName,
		Description:    c.AMIDescription,
		Environment:    c.Environment,
		System:         w.Report.System,
		Architecture:   w.Report.Arch,
		MaxMemoryMiB:   w.Report.MaxMemoryMiB,
		BootMethod:     w.Method.Name(),
		Virtualization: registration.VirtualizationType,
		RootDevice:     cmp.Or(c.RootDeviceName, registration.RootDevice),
		KernelID:       c.KernelID,
		Volume:         c.root(volumeSize(w.Size())),
		Devices:        c.devices(),
		Encrypt:        c.wanted(),
		Permissions:    c.permissions(),
		ProductCodes:   c.AMIProductCodes,
		DeprecateAt:    c.deprecation(),
		Protection:     c.protection(),
		Replace:        c.ForceDeregister,
		Reuse:          c.Reuse,
		SnapshotOnly:   c.SkipCreateAMI,
		Content:        snapshot.Content(s.blocks),

		UserImageTags:    c.Tags,
		UserSnapshotTags: c.SnapshotTags,
	}
	if w.Shim != nil {
		request.Shim = w.Shim.Tag()
	}
	if request.Virtualization == "hvm" {
		request.Architecture = "x86_64" // of the machine, whatever the kernel is
		request.XenOnly = w.Method != boot.Disk
		request.HVM = ami.HVMOptions{ENA: c.ENASupport, SRIOV: c.SRIOVSupport, BootMode: c.BootMode, IMDS: c.IMDSSupport}
	}
	s.plan, err = ami.NewPlan(ctx, s.session, request)
	if c.SnapshotMethod == s3Import {
		_, unfit := s.session.Preflight(ctx, s.importer(nil).Check)
		err = errors.Join(err, unfit)
	}
	return err
}

// volumeSize is the smallest volume for a disk of so many bytes, in GiB.
func volumeSize(bytes int64) int32 {
	const gib = 1 << 30
	return int32(max(1, (bytes+gib-1)/gib))
}

func (s *stepPlan) show() {
	s.ui.Say(fmt.Sprintf("plan: AMI %q in %s, account %s", s.plan.Name, s.plan.Region, cmp.Or(s.plan.Account, "not checked")))
	switch s.wrapped.Method {
	case boot.PVGRUB:
		s.ui.Say(fmt.Sprintf("boots with %s, command line %q", s.plan.Kernel, s.wrapped.CommandLine))
	case boot.PVShim:
		s.ui.Say(fmt.Sprintf("boots with %s, command line %q", s.wrapped.Shim, s.wrapped.CommandLine))
	default:
		s.ui.Say(fmt.Sprintf("boots by method %s, command line %q", s.wrapped.Method.Name(), s.wrapped.CommandLine))
	}
	s.ui.Say(fmt.Sprintf("root volume: %d GiB (%s), %s of 512 KiB to upload",
		s.plan.VolumeSize, s.plan.VolumeType, count(len(s.blocks))))
	if s.config.SnapshotMethod == s3Import {
		s.ui.Say(fmt.Sprintf("snapshot: import from bucket %s with role %s", s.config.S3Bucket, s.config.RoleName))
	}
	s.showOptions()
	if s.plan.Environment != "" {
		s.ui.Say("environment " + s.plan.Environment)
	}
}
