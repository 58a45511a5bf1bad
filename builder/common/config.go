//go:generate packer-sdc mapstructure-to-hcl2 -type Module
//go:generate packer-sdc struct-markdown

// Package common is what both sources share: the options for the image and its
// disk, and the steps that make the disk. [Config.Wrap] runs the user's build
// command, downloads the image or reads the domain configuration that names it,
// checks it, and lays out the disk.
package common

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// Config holds the options for the contents of the disk.
type Config struct {
	// The image of the unikernel: an ELF or Linux bzImage, uncompressed or
	// compressed with gzip, bzip2, xz, lzma, lzo, lz4 or zstd, or an archive (tar,
	// optionally compressed, or zip) that contains one. It can also be a domain
	// configuration, such as the `domain_config` that LING's `railing` writes or
	// one for `xl`. In that case, the kernel, the command line (`extra`) and the
	// ramdisk come from the configuration, unless an option here overrides them.
	// Or it can be an `https://` or `http://` URL of an image file, which is kept
	// in Packer's cache. For the boot method `disk`, it is a raw disk. An image
	// that can't boot is rejected before anything is created.
	Image string `mapstructure:"image" required:"true"`
	// The checksum of the image: `sha256:` or `sha512:` followed by hexadecimal
	// digits. It is required if `image` is a URL, and also checked for local files.
	// If `image` is a domain configuration, it is the checksum of the kernel.
	ImageChecksum string `mapstructure:"image_checksum"`
	// The path of the kernel in `image`, if `image` is an archive that contains
	// more than one.
	ImageMember string `mapstructure:"image_member"`
	// The maximum size of a download and of a decompressed image, in MiB. Default:
	// 1024.
	MaxImageSize int64 `mapstructure:"max_image_size"`
	// A command that builds the image, for example `railing image`. It runs before
	// the image is opened, with `sh -e -c`, so a multi-line command stops at the
	// first line that fails. Its output is shown as it is written. It must write the
	// file that `image` names, or the kernel that this file names; if it leaves an
	// up-to-date image unchanged, end the command with `touch`. Builds in the same
	// `build_directory` run one after the other.
	BuildCommand string `mapstructure:"build_command"`
	// The directory that `build_command` runs in. Default: Packer's current
	// directory, which the paths in all other options are relative to.
	BuildDirectory string `mapstructure:"build_directory"`
	// The time limit of `build_command`, for example `1h`. When it is reached, the
	// command and all processes it started are terminated. Default: `30m`.
	BuildTimeout time.Duration `mapstructure:"build_timeout"`
	// The kernel's command line, at most 1023 bytes, passed unchanged. Whatever
	// PV-GRUB would change is rejected: newlines, tabs, spaces at either end, and a
	// backslash at the end. Default: the domain configuration's
	// `extra`, if there is one. An empty string also selects the default.
	Cmdline string `mapstructure:"cmdline"`
	// A ramdisk for the kernel, for example an initramfs. PV-GRUB decompresses it
	// if it is compressed with gzip.
	Ramdisk string `mapstructure:"ramdisk"`
	// Up to 16 multiboot modules for the kernel, in this order, each in a
	// [block](#module-blocks). They can't be combined with a ramdisk. pygrub, unlike
	// PV-GRUB and GRUB 2, doesn't load them.
	Modules []Module `mapstructure:"module"`
	// Additional files on the disk: paths on the disk and the local files or
	// directories to put there, for example `{ "/json.cfg" = "json.cfg" }`. A
	// directory is copied with all regular files in it; symbolic links in it are
	// rejected, so that nothing from elsewhere gets into an AMI unnoticed. All files,
	// including the kernel, must fit in 128 MiB.
	Files map[string]string `mapstructure:"files"`
	// The layout of the disk: `whole-disk` (the default) has no partitions
	// (every PV-GRUB hd0 image can boot it, and Rumprun requires it); `partitioned`
	// has an MBR with one Linux partition.
	Layout string `mapstructure:"layout"`
	// The compression of the kernel on the disk: `auto` (the default) uses gzip if
	// that makes it smaller, `gzip` always does, `none` never does.
	Compress string `mapstructure:"compress"`
	// How the image boots: `pv-grub` (PV kernels, paravirtual AMI, PV instance
	// types), `pv-shim` (the same kernels in Xen's PV shim, hvm AMI, Xen HVM
	// instance types such as t2), `multiboot` (MirageOS 3.9 and later and other
	// multiboot kernels, hvm AMI, Xen HVM instance types) or `disk` (a disk that
	// boots by itself, hvm AMI). `auto` (the default) uses the first that can boot
	// the image: pv-grub, but pv-shim if the region has no PV instance types; then
	// multiboot; then disk.
	BootMethod string `mapstructure:"boot_method"`
	// The path of Xen's PV shim (`xen-shim`), for `pv-shim`. Default: the shim
	// in Debian's xen-utils-4.17 package. If the package isn't installed, it is
	// downloaded with apt, but not installed.
	Shim string `mapstructure:"shim"`
}

// Module is a multiboot module for the kernel.
type Module struct {
	// The file. PV-GRUB decompresses it if it is compressed with gzip.
	Path string `mapstructure:"path" required:"true"`
	// The module's arguments, under the same rules as `cmdline`.
	Arguments string `mapstructure:"arguments"`
}

const (
	defaultMaxImageSize = 1024 // MiB, as much as Xen's own tools unpack
	defaultBuildTimeout = 30 * time.Minute
)

// Prepare sets defaults and returns all faults of the options. It doesn't open
// files: a template can be validated before they are built.
func (c *Config) Prepare() []error {
	c.Compress = cmp.Or(c.Compress, string(boot.CompressAuto))
	c.Layout = cmp.Or(c.Layout, string(disk.LayoutWholeDisk))
	c.BootMethod = cmp.Or(c.BootMethod, boot.Auto)
	c.MaxImageSize = cmp.Or(c.MaxImageSize, defaultMaxImageSize)
	errs := slices.Concat(c.checkImage(), c.checkBuild(), c.checkContent())
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// checkContent checks the options that say what is on the disk, and how.
func (c *Config) checkContent() []error {
	var errs []error
	if err := boot.CheckCommandLine(c.Cmdline); err != nil {
		errs = append(errs, fmt.Errorf("cmdline: %w", err))
	}
	for _, path := range slices.Sorted(maps.Keys(c.Files)) {
		if err := disk.CheckFilePath(path); err != nil {
			errs = append(errs, fmt.Errorf("files: %w", err))
		}
		if c.Files[path] == "" {
			errs = append(errs, fmt.Errorf("files: %q has no local file: specify one", path))
		}
	}
	switch boot.Compress(c.Compress) {
	case boot.CompressAuto, boot.CompressGzip, boot.CompressNone:
	default:
		errs = append(errs, fmt.Errorf("compress is %q: it must be auto, gzip or none", c.Compress))
	}
	switch disk.Layout(c.Layout) {
	case disk.LayoutWholeDisk, disk.LayoutPartitioned:
	default:
		errs = append(errs, fmt.Errorf("layout is %q: it must be whole-disk or partitioned", c.Layout))
	}
	return append(errs, c.checkBootMethod(), boot.CheckModules(c.Ramdisk, c.modules()))
}

// checkBootMethod checks the boot method, and that no option is set that it
// doesn't use.
func (c *Config) checkBootMethod() error {
	if c.BootMethod == boot.Auto {
		return nil
	}
	method, err := boot.Find(c.BootMethod)
	if err != nil {
		return fmt.Errorf("boot_method: %w", err)
	}
	var errs []error
	if c.Shim != "" && method != boot.PVShim {
		errs = append(errs, fmt.Errorf("shim is set, but boot_method is %s, which doesn't use it: remove shim, or set boot_method to %s", method.Name(), boot.PVShim.Name()))
	}
	if method != boot.Disk {
		return errors.Join(errs...)
	}
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"cmdline", c.Cmdline != ""}, {"ramdisk", c.Ramdisk != ""}, {"module", len(c.Modules) > 0}, {"files", len(c.Files) > 0},
		{"layout", c.Layout != string(disk.LayoutWholeDisk)}, {"compress", c.Compress != string(boot.CompressAuto)},
	} {
		if option.set {
			errs = append(errs, fmt.Errorf("%s is set, but boot_method is disk, which uses the disk as it is: remove %s", option.name, option.name))
		}
	}
	return errors.Join(errs...)
}

// checkBuild checks the options of the build command.
func (c *Config) checkBuild() []error {
	var errs []error
	if c.BuildCommand == "" && c.BuildDirectory != "" {
		errs = append(errs, errors.New("build_directory is set, but build_command is not: set the command to run there"))
	}
	if c.BuildCommand == "" && c.BuildTimeout != 0 {
		errs = append(errs, errors.New("build_timeout is set, but build_command is not: set the command to run"))
	}
	if c.BuildCommand != "" && isURL(c.Image) {
		errs = append(errs, errors.New("build_command is set, but image is a URL: set image to the file that the command writes"))
	}
	if c.BuildTimeout < 0 {
		errs = append(errs, fmt.Errorf("build_timeout is %s: it must be positive, for example 30m", c.BuildTimeout))
	}
	c.BuildTimeout = cmp.Or(c.BuildTimeout, defaultBuildTimeout)
	return errs
}

// modules are the modules in the terms of package boot.
func (c *Config) modules() []boot.Module {
	modules := make([]boot.Module, len(c.Modules))
	for i, m := range c.Modules {
		modules[i] = boot.Module{Path: m.Path, Arguments: m.Arguments}
	}
	return modules
}
