// Package copy is the Packer post-processor "unikernel-copy": it copies a tested AMI
// to more regions.
//
// A release is one run of it. It finds the source, plans all regions, makes all
// copies, and hands them over as one artifact, or takes all of them back.
package copy

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2/hcldec"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/hashicorp/packer-plugin-sdk/uuid"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/lifeline"
)

// PostProcessor implements packersdk.PostProcessor.
type PostProcessor struct {
	config  Config
	connect component.Connector // cloud.Connect, if nil
}

// ConfigSpec is the form of the options in HCL.
func (p *PostProcessor) ConfigSpec() hcldec.ObjectSpec {
	return p.config.FlatMapstructure().HCL2Spec()
}

// Configure checks the options.
func (p *PostProcessor) Configure(raws ...any) error { return p.config.Prepare(raws...) }

// PostProcess copies an artifact's AMI. It returns the artifact with all copies, or
// an error, which ends the build. Whatever happens, Packer must not destroy the AMI
// that was copied: it is as good as before.
func (p *PostProcessor) PostProcess(ctx context.Context, ui packersdk.Ui, source packersdk.Artifact) (packersdk.Artifact, bool, bool, error) {
	held := component.Hold(source)
	ctx, done := lifeline.Hold(ctx)
	defer done()
	r := &release{config: &p.config, connect: p.connect, ui: ui, id: uuid.TimeOrderedUUID(), ledgers: map[string]*cloud.Ledger{}}
	artifact, err := r.run(ctx, source)
	if err == nil {
		return artifact, true, true, nil
	}
	if r.artifact != nil && (held || p.config.AMIID != "") {
		ui.Say(r.artifact.Id() + " is kept")
	}
	return nil, true, true, err
}

// A release is one run of the post-processor.
type release struct {
	config  *Config
	connect component.Connector
	ui      packersdk.Ui
	id      string // identifies what it creates

	artifact *component.Artifact // with the source, in its region
	source   *ami.Source
	plans    []*ami.CopyPlan
	ledgers  map[string]*cloud.Ledger // by region
	results  []result                 // of the regions
}

// region is that of the source.
func (r *release) region() string { return r.source.Session.Region }

func (r *release) run(ctx context.Context, source packersdk.Artifact) (*component.Artifact, error) {
	all, err := r.find(ctx, source)
	if err != nil {
		return nil, err
	}
	if err := r.plan(ctx); err != nil {
		return nil, err
	}
	if err := r.copy(ctx); err != nil {
		return nil, errors.Join(err, r.undo())
	}
	r.ui.Say(r.table())
	return all.WithCopies(r.copies()), nil
}

// find finds the AMI to copy, and checks that it has passed its test. It returns the
// artifact that gets the copies.
func (r *release) find(ctx context.Context, source packersdk.Artifact) (*component.Artifact, error) {
	all, err := r.parse(source)
	if err != nil {
		return nil, err
	}
	region := r.artifact.Regions()[0]
	session, err := r.artifact.Session(ctx, region)
	if err != nil {
		return nil, component.Explain(err)
	}
	id := r.artifact.AMIs[region].ID
	r.source, err = ami.FindSource(ctx, session, id, r.config.mayUpload())
	if err != nil {
		return nil, component.Explain(err)
	}
	if region == "" { // the SDK has found it
		access := r.config.Access
		access.Region = session.Region
		all = component.Existing(access, id, r.connect)
		r.artifact = all
	}
	return all, r.checkTested(id)
}

func (r *release) parse(source packersdk.Artifact) (all *component.Artifact, err error) {
	if r.config.AMIID != "" {
		r.artifact = component.Existing(r.config.Access, r.config.AMIID, r.connect)
		return r.artifact, nil
	}
	all, ok, err := component.Parse(source, r.connect)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("copy artifact %q of %q: it is not an AMI: use unikernel-copy after a source that makes one, or set ami_id", source.Id(), source.BuilderId())
	}
	if r.artifact, err = all.In(r.config.Access); err != nil {
		return nil, fmt.Errorf("copy %s: %w", source.Id(), err)
	}
	return all, nil
}

func (r *release) checkTested(id string) error {
	verdict := r.source.Tag(cloud.ResultTag)
	switch {
	case r.config.RequireSmokeTest.False() || r.artifact.Tested() || verdict == "passed":
		return nil
	case verdict != "":
		return fmt.Errorf("%s has not passed its smoke test: its tag %s is %q: fix the image, or set require_smoke_test = false", id, cloud.ResultTag, verdict)
	}
	return fmt.Errorf("%s has not passed a smoke test: put unikernel-smoke-test before unikernel-copy in the same post-processors block, or set require_smoke_test = false", id)
}
