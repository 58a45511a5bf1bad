// Package smoketest is the Packer post-processor "unikernel-smoke-test": it
// boots what a source has made, an AMI on EC2 or a raw disk under Xen on this
// machine, and continues the build only if the guest responds on the network as
// it should.
//
// [PostProcessor.PostProcess] finds the subject of the test; a trial is the test
// itself: launch, check, clean up, report. The interface guest hides whether the
// subject runs as an EC2 instance or as a domain on this machine.
package smoketest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2/hcldec"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/lifeline"
)

// PostProcessor implements packersdk.PostProcessor.
type PostProcessor struct {
	// Version is the plugin's version, for the report.
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

// PostProcess tests an artifact. It returns the artifact with the result, or an
// error, which ends the build, if the test has not passed. Whatever happens,
// Packer must not destroy the artifact by its own rules: a good AMI would go
// because its report could not be written.
func (p *PostProcessor) PostProcess(ctx context.Context, ui packersdk.Ui, source packersdk.Artifact) (packersdk.Artifact, bool, bool, error) {
	component.Hold(source)
	tested, err := p.test(ctx, ui, source)
	return tested, true, true, err
}

func (p *PostProcessor) test(ctx context.Context, ui packersdk.Ui, source packersdk.Artifact) (packersdk.Artifact, error) {
	subject, err := p.subject(source)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(writable("result", p.config.Result), writable("report", p.config.Report)); err != nil {
		return nil, err
	}
	plans, _ := p.config.plans() // Configure has returned the errors
	ctx, done := lifeline.Hold(ctx)
	defer done()
	t := newTrial(&p.config, ui, subject, plans, "packer-plugin-unikernel "+p.Version)
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	result, err := t.resultJSON()
	if err != nil {
		return nil, err
	}
	return subject.artifact(result), nil
}

// writable reports, before anything is created, whether a file can be written.
func writable(option, path string) error {
	if path == "" {
		return nil
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is %s: the directory %s does not exist: create it first", option, path, filepath.Dir(path))
	} else if err != nil {
		return fmt.Errorf("%s is %s, which is not writable: %w", option, path, err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// writeFile writes a file atomically, readable only by the user: a console may
// contain secrets.
func writeFile(path string, write func(*os.File) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if err := write(file); err != nil {
		_ = file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
