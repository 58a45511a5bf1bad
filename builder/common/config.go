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

// Config says what the disk is made of.
type Config struct {
	// The image of the unikernel. It is a file for Xen PV: an ELF or Linux
	// bzImage, plain or compressed by gzip, bzip2, xz, lzma, lz4 or zstd, or an
	// archive (tar, perhaps compressed, or zip) that holds one. Or it is a
	// domain configuration, such as the `domain_config` that LING's `railing`
	// writes or one for `xl`: then kernel, command line (`extra`) and ramdisk
	// are those that it names, except where an option here says otherwise. Or
	// it is an `https://` or `http://` URL of an image file, which is kept in
	// Packer's cache. An image that PV-GRUB can't start is refused before
	// anything is created.
	Image string `mapstructure:"image" required:"true"`
	// The checksum of the image, `sha256:` or `sha512:` and hexadecimal digits.
	// It is required where `image` is a URL, and checked for local files too;
	// where `image` is a domain configuration it is that of the kernel.
	ImageChecksum string `mapstructure:"image_checksum"`
	// The path of the kernel within `image`, where that is an archive with more
	// than one.
	ImageMember string `mapstructure:"image_member"`
	// The most that is downloaded, and that an image may unpack to, in MiB.
	// Default: 1024.
	MaxImageSize int64 `mapstructure:"max_image_size"`
	// A command that builds the image, for example `railing image`. It runs
	// before the image is opened, by `sh -e -c`: of several lines the first that
	// fails ends it. Its output is shown as it comes. It must write the file that
	// `image` names, or the kernel that this names in turn; where an image that
	// is up to date is left as it is, let the command end in `touch`. Builds in
	// the same `build_directory` wait for each other.
	BuildCommand string `mapstructure:"build_command"`
	// The folder that `build_command` runs in. Default: the one that Packer runs
	// in, to which all paths in other options are relative.
	BuildDirectory string `mapstructure:"build_directory"`
	// The longest that `build_command` may run, for example `1h`. It is ended
	// then, with all processes that it has started. Default: `30m`.
	BuildTimeout time.Duration `mapstructure:"build_timeout"`
	// The command line that the kernel gets, at most 1023 bytes, passed on to
	// the byte. What PV-GRUB would change on its way is refused: newlines, tabs,
	// blanks at either end, a backslash at the end. Default: `extra` of a domain
	// configuration, else none; that is so for an empty one, too.
	Cmdline string `mapstructure:"cmdline"`
	// A ramdisk that is loaded with the kernel, for example an initramfs. PV-GRUB
	// unpacks it on the way if it is compressed by gzip.
	Ramdisk string `mapstructure:"ramdisk"`
	// Files that are loaded with the kernel as multiboot modules, in this order,
	// at most 16, in one [block](#module-blocks) each. They exclude a ramdisk.
	// pygrub, unlike PV-GRUB and GRUB 2, doesn't load them.
	Modules []Module `mapstructure:"module"`
	// Further files on the disk: their paths there, and the local files or
	// folders that they come from, for example `{ "/json.cfg" = "json.cfg" }`. A
	// folder goes there with all regular files below it; a symbolic link in it is
	// refused, so that nothing from elsewhere gets into an AMI unseen. All files
	// together with the kernel must fit in 128 MiB.
	Files map[string]string `mapstructure:"files"`
	// Where the file system is: `whole-disk` (the default) is a disk without
	// partitions, which every PV-GRUB hd0 kernel boots and Rumprun needs;
	// `partitioned` has an MBR with one Linux partition.
	Layout string `mapstructure:"layout"`
	// How the kernel is stored on the disk: `auto` (the default) compresses it
	// by gzip where that makes it smaller, `gzip` always does, `none` never.
	Compress string `mapstructure:"compress"`
	// How the image boots: `pv-grub` (PV kernels, paravirtual AMI, PV instance
	// types), `pv-shim` (the same kernels in Xen's PV shim, hvm AMI, Xen HVM
	// instance types such as t2), `multiboot` (MirageOS 3.9 and later and other
	// multiboot kernels, hvm AMI, Xen HVM instance types) or `disk` (a disk that
	// boots by itself, hvm AMI). `auto` (the default) uses the first that can boot
	// the image: pv-grub, but pv-shim if the region has no PV instance types; then
	// multiboot; then disk.
	BootMethod string `mapstructure:"boot_method"`
	// The file of Xen's PV shim (`xen-shim`), for `pv-shim`. Default: the one of
	// Debian's package xen-utils-4.17, which is used where it is installed, or else
	// downloaded by apt and not installed.
	Shim string `mapstructure:"shim"`
}

// Module is a file that is loaded with the kernel.
type Module struct {
	// The file. PV-GRUB unpacks it on the way if it is compressed by gzip.
	Path string `mapstructure:"path" required:"true"`
	// What the guest gets with the module, under the same rules as `cmdline`.
	Arguments string `mapstructure:"arguments"`
}

const (
	defaultMaxImageSize = 1024 // MiB, as much as Xen's own tools unpack
	defaultBuildTimeout = 30 * time.Minute
)

// Prepare sets defaults and returns all that is wrong with the options. It
// doesn't open the files: a template may be validated before they are built.
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
			errs = append(errs, fmt.Errorf("files: %q has no local file: name one", path))
		}
	}
	switch boot.Compress(c.Compress) {
	case boot.CompressAuto, boot.CompressGzip, boot.CompressNone:
	default:
		errs = append(errs, fmt.Errorf("compress is %q: use auto, gzip or none", c.Compress))
	}
	switch disk.Layout(c.Layout) {
	case disk.LayoutWholeDisk, disk.LayoutPartitioned:
	default:
		errs = append(errs, fmt.Errorf("layout is %q: use whole-disk or partitioned", c.Layout))
	}
	if c.BootMethod != boot.Auto {
		if _, err := boot.Find(c.BootMethod); err != nil {
			errs = append(errs, fmt.Errorf("boot_method: %w", err))
		}
	}
	return append(errs, boot.CheckModules(c.Ramdisk, c.modules()))
}

// checkBuild checks the options of the build command.
func (c *Config) checkBuild() []error {
	var errs []error
	if c.BuildCommand == "" && c.BuildDirectory != "" {
		errs = append(errs, errors.New("build_directory is set, and build_command isn't: say what to run there"))
	}
	if c.BuildCommand == "" && c.BuildTimeout != 0 {
		errs = append(errs, errors.New("build_timeout is set, and build_command isn't: say what to run"))
	}
	if c.BuildCommand != "" && isURL(c.Image) {
		errs = append(errs, errors.New("build_command is set, and image is a URL: name the file that the command writes"))
	}
	if c.BuildTimeout < 0 {
		errs = append(errs, fmt.Errorf("build_timeout is %s: use a time like 30m", c.BuildTimeout))
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
