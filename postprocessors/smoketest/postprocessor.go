// Package smoketest is the Packer post-processor "unikernel-smoke-test": it
// boots what a source has made, an AMI on EC2 or a raw disk under Xen on this
// machine, and lets the build go on only where the guest does what it should on
// the network.
//
// [PostProcessor.PostProcess] finds out what is to be tested; a trial is the
// test itself: launch, check, end, report. What differs between an instance and
// a domain on this machine is behind the interface guest.
package smoketest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hcldec"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/builder/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/builder/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ec2ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/lifeline"
)

// PostProcessor implements packersdk.PostProcessor.
type PostProcessor struct {
	// Version is the plugin's, for the report.
	Version string

	config  Config
	connect connector // ec2ami.Connect, if nil
}

// connector makes the session with AWS.
type connector func(context.Context, ec2ami.Options) (*ec2ami.Session, error)

// ConfigSpec is the form of the options in HCL.
func (p *PostProcessor) ConfigSpec() hcldec.ObjectSpec {
	return p.config.FlatMapstructure().HCL2Spec()
}

// Configure checks the options.
func (p *PostProcessor) Configure(raws ...any) error { return p.config.Prepare(raws...) }

// PostProcess tests an artifact. It returns the same artifact with the result;
// where the test fails, an error, which ends the build.
func (p *PostProcessor) PostProcess(ctx context.Context, ui packersdk.Ui, source packersdk.Artifact) (packersdk.Artifact, bool, bool, error) {
	guest, err := p.guest(source)
	if err != nil {
		return nil, true, true, err
	}
	if err := errors.Join(writable("result", p.config.Result), writable("report", p.config.Report)); err != nil {
		return nil, true, true, err
	}
	plans, _ := p.config.plans() // Configure has seen the errors
	ctx, done := lifeline.Hold(ctx)
	defer done()
	t := newTrial(&p.config, ui, guest, plans, "packer-plugin-unikernel "+p.Version)
	if err := t.run(ctx); err != nil {
		return nil, true, true, err
	}
	tested, err := newArtifact(source, t)
	return tested, true, true, err
}

// guest finds what is to be tested.
func (p *PostProcessor) guest(source packersdk.Artifact) (guest, error) {
	if p.config.AMIID != "" {
		return p.instance(p.config.AMIID, p.config.Region, p.config.Profile), nil
	}
	switch source.BuilderId() {
	case disk.BuilderID:
		if len(source.Files()) != 1 {
			return nil, fmt.Errorf("test disk: the artifact has %d files: want one", len(source.Files()))
		}
		return p.domain(source), nil
	case ami.BuilderID:
		return p.imageOf(source)
	}
	if strings.Contains(source.Id(), ":ami-") { // of packer-plugin-amazon, or an artifact like its
		return p.imageOf(source)
	}
	return nil, fmt.Errorf("the artifact (%s, of %s) has no AMI, and no disk of unikernel-disk: use unikernel-smoke-test after one of these sources, or set ami_id", source.Id(), source.BuilderId())
}

func (p *PostProcessor) domain(source packersdk.Artifact) *domain {
	g := &domain{config: &p.config, disk: source.Files()[0], memory: p.config.Memory}
	if text, ok := source.State(disk.MemoryState).(string); ok && g.memory == 0 {
		g.memory, _ = strconv.Atoi(text) // of our own artifact
	}
	if g.memory == 0 {
		g.memory = defaultMemory
	}
	return g
}

// imageOf takes the AMI from an artifact's id, "region:ami-…", which may name
// several, joined by commas.
func (p *PostProcessor) imageOf(source packersdk.Artifact) (guest, error) {
	var found []string
	for one := range strings.SplitSeq(source.Id(), ",") {
		if region, _, _ := strings.Cut(one, ":"); p.config.Region == "" || p.config.Region == region {
			found = append(found, one)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("test %s: %d of its AMIs are in the region asked for (%q): set region so that there is one", source.Id(), len(found), p.config.Region)
	}
	region, id, _ := strings.Cut(found[0], ":")
	profile := p.config.Profile
	if of, ok := source.State(ami.ProfileState).(string); ok && profile == "" {
		profile = of
	}
	return p.instance(id, region, profile), nil
}

func (p *PostProcessor) instance(imageID, region, profile string) *instance {
	connect := p.connect
	if connect == nil {
		connect = ec2ami.Connect
	}
	return &instance{config: &p.config, connect: connect, imageID: imageID, region: region, profile: profile}
}

// writable tells, before anything is paid for, whether a file can be written.
func writable(option, path string) error {
	if path == "" {
		return nil
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is %s: there is no folder %s: make it first", option, path, filepath.Dir(path))
	} else if err != nil {
		return fmt.Errorf("%s is %s, which can't be written: %w", option, path, err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// writeFile writes a file in one piece, readable to the user alone: a console
// may hold what isn't for everyone.
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
