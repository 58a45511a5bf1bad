// Package disk is the Packer source "unikernel-disk": it writes the raw disk
// that an AMI of the same image would have, and makes no call to AWS.
package disk

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hashicorp/hcl/v2/hcldec"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// Builder implements packersdk.Builder.
type Builder struct {
	config Config
}

// generatedNames are the values that a template can use as `build.NAME` in
// post-processors.
var generatedNames = []string{"Disk", "SHA256", "System"}

// ConfigSpec is the form of the options in HCL.
func (b *Builder) ConfigSpec() hcldec.ObjectSpec {
	return b.config.FlatMapstructure().HCL2Spec()
}

// Prepare checks the options.
func (b *Builder) Prepare(raws ...any) (generated, warnings []string, err error) {
	return generatedNames, nil, b.config.Prepare(raws...)
}

// Run writes the disk. If it fails or is cancelled, it leaves no file behind.
func (b *Builder) Run(ctx context.Context, ui packersdk.Ui, hook packersdk.Hook) (_ packersdk.Artifact, err error) {
	if err := component.RefuseProvisioners(ctx, ui, hook); err != nil {
		return nil, err
	}
	if err := b.checkOutput(); err != nil {
		return nil, err
	}
	wrapped, err := b.config.Wrap(ctx, ui, b.config.DiskSize<<30, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, wrapped.Close()) }()

	sum, err := wrapped.WriteFile(ctx, b.config.Output)
	if err != nil {
		return nil, err
	}
	ui.Say(fmt.Sprintf("disk %s: %d bytes, SHA-256 %x", b.config.Output, wrapped.Size(), sum))
	return component.NewDisk(component.DiskFacts{
		Path: b.config.Output, SHA256: hex.EncodeToString(sum[:]),
		HVM:    wrapped.Method.Registration().VirtualizationType == "hvm",
		System: wrapped.Report.System, MemoryMiB: wrapped.MemoryMiB,
	}), nil
}

// checkOutput refuses to replace a file unless it was asked for.
func (b *Builder) checkOutput() error {
	_, err := os.Lstat(b.config.Output)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("write disk: %w", err)
	case b.config.PackerForce:
		return nil
	default:
		return fmt.Errorf("write disk: %s already exists: set output to another file, or run packer build -force to replace it", b.config.Output)
	}
}
