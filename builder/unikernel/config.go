//go:generate packer-sdc struct-markdown

// Package unikernel holds what both sources share: the options that say which
// image goes on the disk, and the wrapping itself.
package unikernel

import (
	"context"
	"errors"
	"fmt"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv"
)

// Config says what the disk is made of.
type Config struct {
	// The kernel image of the unikernel: an ELF or Linux bzImage for Xen PV,
	// plain or compressed by gzip, bzip2, xz, lzma, lz4 or zstd. An image that
	// PV-GRUB can't start is refused before anything is created.
	Image string `mapstructure:"image" required:"true"`
	// The command line that the kernel gets, at most 1023 bytes, passed on to
	// the byte. What PV-GRUB would change on its way is refused: newlines, tabs,
	// blanks at either end, a backslash at the end.
	Cmdline string `mapstructure:"cmdline"`
	// A ramdisk that is loaded with the kernel, for example an initramfs. PV-GRUB
	// unpacks it on the way if it is compressed by gzip.
	Ramdisk string `mapstructure:"ramdisk"`
	// How the kernel is stored on the disk: `auto` (the default) compresses it
	// by gzip where that makes it smaller, `gzip` always does, `none` never.
	Compress string `mapstructure:"compress"`
}

// Prepare sets defaults and returns all that is wrong with the options. It
// doesn't open the files: a template may be validated before they are built.
func (c *Config) Prepare() []error {
	var errs []error
	if c.Image == "" {
		errs = append(errs, errors.New("image is not set: name the file of the unikernel"))
	}
	if err := xenpv.CheckCommandLine(c.Cmdline); err != nil {
		errs = append(errs, fmt.Errorf("cmdline: %w", err))
	}
	switch xenpv.Compress(c.Compress) {
	case "":
		c.Compress = string(xenpv.CompressAuto)
	case xenpv.CompressAuto, xenpv.CompressGzip, xenpv.CompressNone:
	default:
		errs = append(errs, fmt.Errorf("compress is %q: use auto, gzip or none", c.Compress))
	}
	return errs
}

// A Wrapped is an inspected image on its disk.
type Wrapped struct {
	Report *xenpv.Report
	Disk   *xenpv.Disk

	image *xenpv.Image
}

// Close releases the disk's and the image's temporary files.
func (w *Wrapped) Close() error {
	return errors.Join(w.Disk.Close(), w.image.Close())
}

// Wrap inspects the image and lays out its disk, size bytes large (0: as small
// as it can be). Nothing is written but temporary files. It tells the user
// what the image is, and what to be aware of.
func (c *Config) Wrap(ctx context.Context, ui packersdk.Ui, size int64) (*Wrapped, error) {
	image, err := xenpv.Open(c.Image)
	if err != nil {
		return nil, err
	}
	report := image.Report()
	if err := report.Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("use %s: %w", c.Image, err), image.Close())
	}
	disk, err := xenpv.NewDisk(ctx, xenpv.DiskSpec{
		Kernel:      image,
		CommandLine: c.Cmdline,
		Ramdisk:     c.Ramdisk,
		Size:        size,
		Compress:    xenpv.Compress(c.Compress),
	})
	if err != nil {
		return nil, errors.Join(err, image.Close())
	}
	ui.Say(fmt.Sprintf("%s: %s kernel for Xen PV, %s, %.1f MiB", c.Image, report.System, report.Arch, mib(report.KernelSize)))
	for _, warning := range append(report.Warnings, report.Advice(c.Cmdline)...) {
		ui.Say("warning: " + warning.Text)
	}
	return &Wrapped{Report: report, Disk: disk, image: image}, nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
