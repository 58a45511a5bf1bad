package common

import (
	"context"
	"errors"
	"fmt"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/progress"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// A Wrapped is an image on its disk.
type Wrapped struct {
	*xenpv.Disk
	spec  xenpv.Spec
	built *lock // keeps other builds from replacing the image; nil without a build command
}

// Close releases the temporary files of the disk and the image, and lets other
// builds in the same directory continue.
func (w *Wrapped) Close() error {
	var err error
	if w.Disk != nil {
		err = w.Disk.Close()
	}
	return errors.Join(err, w.built.release())
}

// Wrap builds, downloads and inspects the image, as far as the options ask for
// it, and lays out its disk, size bytes large (0: as small as possible). With uefi,
// a disk that boots only by UEFI is accepted.
// Besides what the build command writes, only temporary files and a download in
// Packer's cache are written. It tells the user what the image is, and what to
// be aware of.
func (c *Config) Wrap(ctx context.Context, ui packersdk.Ui, size int64, uefi bool) (*Wrapped, error) {
	w := &Wrapped{}
	w.spec = c.spec(size)
	w.spec.UEFI = uefi
	if err := c.wrap(ctx, ui, w); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (c *Config) wrap(ctx context.Context, ui packersdk.Ui, w *Wrapped) error {
	var err error
	if w.built, err = c.build(ctx, ui); err != nil {
		return err
	}
	w.spec.Progress = progress.Lines(ui.Say).Report
	if isURL(c.Image) {
		if w.spec.Image, err = c.download(ctx, ui); err != nil {
			return fmt.Errorf("download %s: %w", shown(c.Image), err)
		}
		w.spec.ImageOnly = true
	}
	if err := c.lay(ctx, w); err != nil {
		return err
	}
	w.describe(ui, shown(c.Image))
	return nil
}

// Again lays out the disk for another boot method. The build command doesn't run
// again.
func (w *Wrapped) Again(ctx context.Context, c *Config, method boot.Method) error {
	err := w.Disk.Close()
	w.Disk = nil
	if err != nil {
		return err
	}
	w.spec.Method = method.Name()
	return c.lay(ctx, w)
}

// lay lays out the disk.
func (c *Config) lay(ctx context.Context, w *Wrapped) error {
	var err error
	w.Disk, err = xenpv.Wrap(ctx, w.spec)
	if refused, ok := errors.AsType[*xenpv.RefusedError](err); ok {
		return fmt.Errorf("use %s: %w", shown(c.Image), refused.Problems)
	}
	return err
}

// spec is the disk of the options.
func (c *Config) spec(size int64) xenpv.Spec {
	spec := xenpv.Spec{
		Image:    c.Image,
		Verify:   func(ctx context.Context, path string) error { return checkSum(ctx, path, c.ImageChecksum) },
		Member:   c.ImageMember,
		MaxSize:  c.MaxImageSize << 20,
		Ramdisk:  c.Ramdisk,
		Modules:  c.modules(),
		Files:    c.Files,
		Layout:   disk.Layout(c.Layout),
		Size:     size,
		Compress: boot.Compress(c.Compress),
		Method:   c.BootMethod,
		Shim:     c.Shim,
	}
	if c.Cmdline != "" {
		spec.CommandLine = &c.Cmdline
	}
	return spec
}

// describe tells the user what the image is, and what to be aware of.
func (w *Wrapped) describe(ui packersdk.Ui, image string) {
	switch w.Method {
	case boot.Disk:
		ui.Say(fmt.Sprintf("%s: disk that boots by itself, %.1f MiB", image, mib(w.Used())))
	case boot.Multiboot:
		ui.Say(fmt.Sprintf("%s: %s multiboot kernel, %s, %.1f MiB", image, w.Report.System, w.Report.Arch, mib(w.Report.KernelSize)))
	default:
		ui.Say(fmt.Sprintf("%s: %s kernel for Xen PV, %s, %.1f MiB", image, w.Report.System, w.Report.Arch, mib(w.Report.KernelSize)))
	}
	if w.MemoryMiB > 0 {
		ui.Say(fmt.Sprintf("%s sets %d MiB of memory; on EC2, the instance type determines the memory", image, w.MemoryMiB))
	}
	for _, warning := range w.Advice {
		ui.Say("warning: " + warning.Text)
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
