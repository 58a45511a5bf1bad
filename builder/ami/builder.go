// Package ami is the Packer source "unikernel-ami": it makes an AMI of a Xen
// PV unikernel image in one region, for one environment.
//
// [Builder.Run] is the list of steps. Each step is a thin adapter over packages
// snapshot and ami below internal; they share one typed value, build.
package ami

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/hashicorp/packer-plugin-sdk/multistep"
	"github.com/hashicorp/packer-plugin-sdk/multistep/commonsteps"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/hashicorp/packer-plugin-sdk/uuid"

	"github.com/unikernel-ami/packer-plugin-unikernel/builder/common"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/lifeline"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// Builder implements packersdk.Builder.
type Builder struct {
	config  Config
	connect component.Connector // cloud.Connect, if nil
}

// build is the state that the steps of one run share: the request, and then the
// result of each step.
type build struct {
	config  *Config
	ui      packersdk.Ui
	id      string
	started time.Time
	connect component.Connector

	wrapped *common.Wrapped
	session *cloud.Session
	blocks  []disk.Block
	volumes []volumeDisk // of directories
	plan    *ami.Plan
	ledger  cloud.Ledger

	snapshotID  string
	snapshotIDs []string // of all disks, the root's first
	imageID     string
	err         error
}

// ConfigSpec is the form of the options in HCL.
func (b *Builder) ConfigSpec() hcldec.ObjectSpec {
	return b.config.FlatMapstructure().HCL2Spec()
}

// Prepare checks the options. It returns the names of the values that
// post-processors can use.
func (b *Builder) Prepare(raws ...any) (generated, warnings []string, err error) {
	return generatedNames, nil, b.config.Prepare(raws...)
}

// Run makes the AMI. If it fails or is cancelled, what it has created is removed
// before it returns, unless the user wants it left in place (-on-error=abort).
//
// The build owns what it creates until Run returns: a cancel that comes after
// the last step, or during a pause of -debug, removes it, too.
func (b *Builder) Run(ctx context.Context, ui packersdk.Ui, hook packersdk.Hook) (packersdk.Artifact, error) {
	ctx, done := lifeline.Hold(ctx)
	defer done()
	if err := component.RefuseProvisioners(ctx, ui, hook); err != nil {
		return nil, err
	}
	run := &build{config: &b.config, ui: ui, id: uuid.TimeOrderedUUID(), started: time.Now(), connect: b.connect}
	state := new(multistep.BasicStateBag)
	state.Put("ui", ui)
	steps := []multistep.Step{&stepWrap{run}, &stepPlan{run}}
	if !b.config.PlanOnly {
		steps = append(steps, unlessReused{run, &stepUpload{run}})
		if !b.config.SkipCreateAMI {
			steps = append(steps, unlessReused{run, &stepRegister{run}})
		}
		steps = append(steps, unlessReused{run, &stepFinish{run}})
	}
	commonsteps.NewRunner(steps, b.config.PackerConfig, ui).Run(ctx, state)

	var artifact packersdk.Artifact
	if run.err == nil {
		artifact, run.err = run.artifact(ctx)
	}
	if run.err == nil && ctx.Err() != nil {
		run.err = errors.New("build was cancelled")
	}
	if run.err != nil {
		_, aborted := state.GetOk("aborted") // the answer to -on-error=ask
		run.undo(aborted || b.config.PackerOnError == "abort" || b.config.PackerOnError == "run-cleanup-provisioner")
		return nil, run.err
	}
	run.ledger.Keep() // the artifact owns them now; plan_only has made neither
	return artifact, nil
}

// unlessReused is a step that is skipped if the AMI exists already.
type unlessReused struct {
	*build
	step multistep.Step
}

func (s unlessReused) Run(ctx context.Context, state multistep.StateBag) multistep.StepAction {
	if s.plan.Reused != nil {
		return multistep.ActionContinue
	}
	return s.step.Run(ctx, state)
}

func (s unlessReused) Cleanup(state multistep.StateBag) { s.step.Cleanup(state) }

// artifact hands over what the build has made: the AMI, or snapshots only; nothing
// with plan_only.
func (b *build) artifact(ctx context.Context) (packersdk.Artifact, error) {
	switch {
	case b.imageID != "":
		return newArtifact(ctx, b)
	case len(b.snapshotIDs) > 0:
		return newSnapshotArtifact(b), nil
	}
	return nil, nil //nolint:nilnil // nothing was made
}

// undo removes what the build has created, or lists it if the user wants it
// left in place.
func (b *build) undo(keep bool) {
	if b.ledger.Len() == 0 {
		return
	}
	if keep {
		for _, left := range b.ledger.Keep() {
			b.ui.Error("left in place: " + left)
		}
		return
	}
	b.ui.Say("cleaning up")
	// The build's context may be cancelled: Undo has its own limit.
	removed, err := b.ledger.Undo(context.Background())
	for _, id := range removed {
		b.ui.Say("removed " + id)
	}
	if err != nil {
		b.ui.Error(component.Explain(err).Error())
	}
}

// fail ends the build with an error. Packer shows it at the end; a user who is
// asked what to do, or who wants no cleanup, must see it first.
func (b *build) fail(err error) multistep.StepAction {
	err = component.Explain(err)
	b.err = err
	if onError := b.config.PackerOnError; onError == "ask" || onError == "abort" {
		b.ui.Error(err.Error())
	}
	return multistep.ActionHalt
}
