// Package publish is the Packer post-processor "unikernel-publish": it shares a
// tested AMI in all of its regions, stores its ids in SSM parameters, deprecates
// and removes earlier releases, and writes a manifest of the release.
//
// A release is the whole of it. Everything is checked in all regions before
// anything is published; what is published is in one ledger, and taken back if
// anything fails. Only the removal of old releases can't be undone, so it comes
// last.
package publish

import (
	"context"
	"fmt"

	"github.com/hashicorp/hcl/v2/hcldec"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/lifeline"
)

// PostProcessor implements packersdk.PostProcessor.
type PostProcessor struct {
	// Version is the plugin's version, for the manifest.
	Version string

	config  Config
	connect component.Connector // cloud.Connect, if nil
}

// ConfigSpec is the form of the options in HCL.
func (p *PostProcessor) ConfigSpec() hcldec.ObjectSpec {
	return p.config.FlatMapstructure().HCL2Spec()
}

// Configure checks the options.
func (p *PostProcessor) Configure(raws ...any) error { return p.config.Prepare(raws...) }

// PostProcess publishes an artifact and passes it on. The AMIs stay, whatever
// happens.
func (p *PostProcessor) PostProcess(ctx context.Context, ui packersdk.Ui, source packersdk.Artifact) (packersdk.Artifact, bool, bool, error) {
	component.Hold(source)
	artifact, err := p.artifact(source)
	if err != nil {
		return nil, true, true, err
	}
	ctx, done := lifeline.Hold(ctx)
	defer done()
	r := &release{config: &p.config, ui: ui, artifact: artifact, tool: "packer-plugin-unikernel " + p.Version}
	if err := r.run(ctx); err != nil {
		return nil, true, true, err
	}
	return artifact, true, true, nil
}

// artifact finds the AMIs to publish.
func (p *PostProcessor) artifact(source packersdk.Artifact) (*component.Artifact, error) {
	if len(p.config.AMIIDs) > 0 {
		return component.ExistingIn(p.config.Access, p.config.AMIIDs, p.connect), nil
	}
	artifact, ok, err := component.Parse(source, p.connect)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("publish artifact %q of %q: it is not an AMI: use unikernel-publish after a source that makes one, or set ami_ids", source.Id(), source.BuilderId())
	}
	if p.config.Region != "" {
		if artifact, err = artifact.In(p.config.Access); err != nil {
			return nil, fmt.Errorf("publish %s: %w", source.Id(), err)
		}
		return artifact, nil
	}
	return artifact.With(p.config.Access), nil
}
