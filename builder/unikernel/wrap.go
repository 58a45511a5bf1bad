package unikernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/progress"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv"
)

// A Wrapped is an inspected image on its disk.
type Wrapped struct {
	Report      *xenpv.Report
	Disk        *xenpv.Disk
	CommandLine string // what the guest gets
	MemoryMiB   int64  // what a domain configuration gives the guest; 0 where it isn't said

	image *xenpv.Image
	built *lock // keeps other builds from replacing the image; nil without a build command
}

// Close releases the disk's and the image's temporary files, and lets other
// builds in the same folder go on.
func (w *Wrapped) Close() error {
	var errs []error
	if w.Disk != nil {
		errs = append(errs, w.Disk.Close())
	}
	if w.image != nil {
		errs = append(errs, w.image.Close())
	}
	return errors.Join(append(errs, w.built.release())...)
}

// Wrap builds, fetches and inspects the image, as far as the options ask for
// it, and lays out its disk, size bytes large (0: as small as it can be).
// Beside what the build command writes, only temporary files and a download in
// Packer's cache are written. It tells the user what the image is, and what to
// be aware of.
func (c *Config) Wrap(ctx context.Context, ui packersdk.Ui, size int64) (*Wrapped, error) {
	w := &Wrapped{}
	if err := c.wrap(ctx, ui, size, w); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (c *Config) wrap(ctx context.Context, ui packersdk.Ui, size int64, w *Wrapped) error {
	var err error
	if w.built, err = c.build(ctx, ui); err != nil {
		return err
	}
	input, err := c.resolve(ctx, ui)
	if err != nil {
		return err
	}
	report := progress.Lines(ui.Say).Report
	if w.image, err = c.open(ctx, input.Image, report); err != nil {
		return err
	}
	w.Report, w.CommandLine, w.MemoryMiB = w.image.Report(), cmp.Or(c.Cmdline, input.CommandLine), input.MemoryMiB
	w.Disk, err = xenpv.NewDisk(ctx, xenpv.DiskSpec{
		Kernel:      w.image,
		CommandLine: w.CommandLine,
		Ramdisk:     cmp.Or(c.Ramdisk, input.Ramdisk),
		Modules:     c.modules(),
		Files:       c.Files,
		Layout:      xenpv.Layout(c.Layout),
		Size:        size,
		Compress:    xenpv.Compress(c.Compress),
		Progress:    report,
	})
	if err != nil {
		return err
	}
	w.describe(ui, shown(c.Image), input.Warnings)
	return nil
}

// describe tells the user what the image is, and what to be aware of.
func (w *Wrapped) describe(ui packersdk.Ui, image string, warnings []xenpv.Finding) {
	ui.Say(fmt.Sprintf("%s: %s kernel for Xen PV, %s, %.1f MiB", image, w.Report.System, w.Report.Arch, mib(w.Report.KernelSize)))
	if w.MemoryMiB > 0 {
		ui.Say(fmt.Sprintf("%s gives it %d MiB of memory: an instance has what its type has", image, w.MemoryMiB))
	}
	for _, warning := range slices.Concat(warnings, w.Report.MemoryAdvice(w.MemoryMiB), w.Disk.Advice()) {
		ui.Say("warning: " + warning.Text)
	}
}

// resolve makes image a local file: the download, the kernel that a domain
// configuration names, or the image itself.
func (c *Config) resolve(ctx context.Context, ui packersdk.Ui) (*xenpv.Input, error) {
	if !isURL(c.Image) {
		return xenpv.ResolveInput(c.Image)
	}
	path, err := c.download(ctx, ui)
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", shown(c.Image), err)
	}
	return &xenpv.Input{Image: path}, nil
}

// open opens the kernel's file, and refuses what PV-GRUB can't start.
func (c *Config) open(ctx context.Context, path string, report xenpv.Progress) (*xenpv.Image, error) {
	if err := checkSum(ctx, path, c.ImageChecksum); err != nil {
		return nil, err
	}
	image, err := xenpv.OpenWith(ctx, path, xenpv.OpenOptions{Member: c.ImageMember, MaxSize: c.MaxImageSize << 20, Progress: report})
	if err != nil {
		return nil, err
	}
	if err := image.Report().Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("use %s: %w", shown(c.Image), err), image.Close())
	}
	return image, nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
