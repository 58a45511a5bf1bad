package smoketest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/smoketest/report"
)

// A subject is what is tested: an AMI or a disk.
type subject struct {
	guest guest
	// owned reports whether this build made the subject.
	owned bool
	// artifact makes the artifact that goes on to the next post-processor.
	artifact func(result string) packersdk.Artifact
	// remove removes the subject. It doesn't end with ctx. It returns what was
	// removed, and an error that names what is left.
	remove func(context.Context) (removed []string, err error)
}

// subject finds what is to be tested.
func (p *PostProcessor) subject(source packersdk.Artifact) (*subject, error) {
	if p.config.AMIID != "" {
		return p.existing(), nil
	}
	if disk, ok, err := component.ParseDisk(source); err != nil || ok {
		return p.disk(disk), err
	}
	artifact, ok, err := component.Parse(source, p.connect)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("test artifact %q of %q: it is neither an AMI nor a disk of unikernel-disk: use unikernel-smoke-test after a source that makes one, or set ami_id", source.Id(), source.BuilderId())
	}
	artifact, err = artifact.In(p.config.Access)
	if err != nil {
		return nil, fmt.Errorf("test %s: %w", source.Id(), err)
	}
	return p.image(artifact), nil
}

// existing makes the subject of ami_id. Its region may be known only when the
// AWS configuration has been read.
func (p *PostProcessor) existing() *subject {
	access := p.config.Access
	s := p.image(component.Existing(access, p.config.AMIID, p.connect))
	s.artifact = func(result string) packersdk.Artifact {
		access.Region = s.guest.(*ec2Instance).session.Region
		return component.Existing(access, p.config.AMIID, p.connect).Passed(result)
	}
	return s
}

// image makes the subject of an artifact with one AMI.
func (p *PostProcessor) image(artifact *component.Artifact) *subject {
	region := artifact.Regions()[0]
	return &subject{
		guest: &ec2Instance{config: &p.config, imageID: artifact.AMIs[region].ID,
			connect: func(ctx context.Context) (*cloud.Session, error) { return artifact.Session(ctx, region) }},
		owned:    artifact.Owned,
		artifact: func(result string) packersdk.Artifact { return artifact.Passed(result) },
		remove:   artifact.Remove,
	}
}

func (p *PostProcessor) disk(disk *component.Disk) *subject {
	if disk == nil {
		return nil
	}
	memory := cmp.Or(p.config.Memory, int(disk.MemoryMiB), defaultMemory)
	return &subject{
		guest:    &domain{config: &p.config, disk: disk.Path, hvm: disk.HVM, memory: memory},
		owned:    true,
		artifact: func(result string) packersdk.Artifact { return disk.Passed(result) },
		remove:   func(context.Context) ([]string, error) { return []string{disk.Path}, disk.Remove() },
	}
}

// settle decides what happens to the subject, and tells the user if it is
// removed. Packer no longer does (see [component.Hold]).
func (t *trial) settle(ctx context.Context) error {
	id := t.result.Subject.ID
	why, remove := t.removal()
	if !remove {
		if t.owned && t.result.Verdict != report.Passed {
			t.ui.Say(id + " is kept: " + why)
		}
		return nil
	}
	t.ui.Say("removing " + id + ": " + why)
	removed, err := t.remove(ctx)
	for _, id := range removed {
		t.ui.Say("removed " + id)
	}
	return err
}

// removal reports whether the subject is to be removed, and why, or why not.
func (t *trial) removal() (why string, remove bool) {
	c := t.config
	switch {
	case c.PackerOnError == "abort":
		return "-on-error=abort", false
	case t.result.Verdict == report.Failed && c.DeregisterOnFailure:
		return "its smoke test failed, and deregister_on_failure is set", true
	case t.result.Verdict == report.Failed && c.KeepAMIOnFailure:
		return "keep_ami_on_failure is set", false
	case t.result.Verdict == report.Failed:
		return "its smoke test failed", t.owned
	case t.result.Verdict == report.Cancelled:
		return "the build was cancelled", t.owned
	}
	return "it was not tested", false
}

// outcome is the error of a test, with what is left of it.
func (t *trial) outcome(failure, left error) error {
	id := cmp.Or(t.result.Subject.ID, "the artifact")
	switch t.result.Verdict {
	case report.Passed:
		if left == nil {
			return nil
		}
		return fmt.Errorf("smoke test of %s passed, and %s is kept, but: %w", id, id, left)
	case report.Cancelled:
		return errors.Join(fmt.Errorf("smoke test of %s: %w", id, failure), left)
	case report.Failed:
		return errors.Join(fmt.Errorf("smoke test of %s failed: %w", id, failure), left)
	}
	return errors.Join(fmt.Errorf("smoke test of %s could not run: %w", id, failure), left)
}

// resultJSON is the test's result as JSON.
func (t *trial) resultJSON() (string, error) {
	var text strings.Builder
	if err := report.JSON(&text, t.result); err != nil {
		return "", fmt.Errorf("write result: %w", err)
	}
	return text.String(), nil
}
