package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/progress"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

const gib = 1 << 30

type wrapOptions struct {
	image    string
	member   string
	output   string
	cmdline  *string // nil if not specified; empty is a command line, too
	ramdisk  string
	modules  []string
	files    []string
	layout   string
	compress string
	method   string
	shim     string
	sizeGiB  int64
	asJSON   bool

	registration boot.Registration // how an AMI of the disk is registered
	memoryMiB    int64             // of a domain configuration; 0 if it isn't set
}

// A wrapped describes the disk that was written. Its JSON form is a contract that
// scripts rely on.
type wrapped struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // of the whole file
	Size   int64  `json:"size"`   // in bytes
	Blocks int    `json:"blocks"` // of 512 KiB that are not all zeros
	Kernel string `json:"kernel"` // its path on the disk
	System string `json:"system"`
	Arch   string `json:"arch"`
}

func wrapCommand() *cobra.Command {
	var o wrapOptions
	cmd := &cobra.Command{
		Use:   "wrap IMAGE -o DISK",
		Short: "Put a kernel on a raw disk that boots on EC2",
		Long: `Put a kernel on a raw disk that boots on EC2.

IMAGE is a file that "xenpv inspect" accepts, or a domain configuration, such as
the domain_config that LING's railing writes or an xl configuration. A domain
configuration sets the kernel, its command line (extra) and its ramdisk; options
override it.

DISK is written as a sparse raw disk: an ext2 file system with /boot/kernel and the
boot loader's menu, followed by at least 1 MiB of free space. Identical input
produces an identical disk. An existing regular file is replaced. With "-", the disk
is written to standard output, and the result to standard error.

Prints the disk's path, its SHA-256, its size in bytes, and the number of 512 KiB
blocks that an EBS snapshot of the disk stores, that is, those that are not all zeros.

Exit status: 0 if the disk is written; 3 if the boot method can't start IMAGE; 2
if a file can't be read or written. On error, partial files are removed.`,
		Example: `  xenpv wrap ling.img -o disk.raw --cmdline '-dhcp -pz /app/ebin'
  xenpv wrap vmlinuz -o disk.raw --ramdisk initrd.img --cmdline 'console=hvc0 quiet'
  xenpv wrap domain_config -o disk.raw --layout partitioned
  xenpv wrap httpd.bin -o disk.raw --cmdline _RUMPRUN_ROOTFSCFG=/json.cfg --file /json.cfg=json.cfg
  xenpv wrap mir-www.xen.bz2 -o disk.raw --size 1 --json | jq -r .sha256`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var remove func()
			var err error
			if o.image, remove, err = openInput(cmd, args[0]); err != nil {
				return err
			}
			defer remove()
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *wrapOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", "", "`file` to write the disk to (required)")
	commandLineVar(flags, &o.cmdline)
	flags.StringVar(&o.member, "member", "", "`path` of the kernel in IMAGE, if IMAGE is an archive with several kernels")
	flags.StringVar(&o.ramdisk, "ramdisk", "", "`file` for the kernel's ramdisk")
	flags.StringArrayVar(&o.modules, "module", nil, "`\"file arguments\"` of a multiboot module for the kernel; may be repeated")
	flags.StringArrayVar(&o.files, "file", nil, "`path=local`: a path on the disk and the local file or directory to put there; may be repeated")
	flags.StringVar(&o.layout, "layout", string(disk.LayoutWholeDisk), "layout of the disk: whole-disk or partitioned")
	flags.Int64Var(&o.sizeGiB, "size", 0, "size of the disk in `GiB`, up to 65536; 0: as small as possible")
	flags.StringVar(&o.compress, "compress", string(boot.CompressAuto), "compression of the kernel: auto, gzip or none")
	methodVars(flags, &o.method, &o.shim)
	flags.BoolVar(&o.asJSON, "json", false, "print one JSON object")
	if err := cmd.MarkFlagRequired("output"); err != nil {
		panic(err) // there is no such flag: a bug in this function
	}
}

// methodVars adds the options that choose a boot method.
func methodVars(flags *pflag.FlagSet, method, shim *string) {
	flags.StringVar(method, "method", boot.Auto, "boot `method`: auto, pv-grub, pv-shim, multiboot or disk")
	flags.StringVar(shim, "shim", "", "`file` with Xen's PV shim for pv-shim (default: the one in Debian's xen-utils-4.17)")
}

// commandLineVar adds the option --cmdline. Without it, p stays nil.
func commandLineVar(flags *pflag.FlagSet, p **string) {
	flags.Func("cmdline", "`text` for the kernel's command line (default: from the domain configuration, if any)", func(text string) error {
		*p = &text
		return nil
	})
}

// run writes the disk, prints the result to out and all warnings to warnings.
func (o *wrapOptions) run(ctx context.Context, out, warnings io.Writer) (err error) {
	if o.sizeGiB < 0 || o.sizeGiB > disk.MaxSize/gib {
		return fmt.Errorf("--size %d: specify a number of GiB from 1 to %d, or 0 for the smallest disk", o.sizeGiB, disk.MaxSize/gib)
	}
	if o.output == "" {
		return errors.New("--output is empty; specify the file to write the disk to")
	}
	spec, err := o.spec()
	if err != nil {
		return err
	}
	reporter := progress.To(warnings, "xenpv: ")
	defer reporter.Done()
	spec.Progress = reporter.Report
	disk, err := xenpv.Wrap(ctx, spec)
	if refused, ok := errors.AsType[*xenpv.RefusedError](err); ok {
		fmt.Fprintf(warnings, "xenpv: %v\n", refused)
		return errRefused
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	o.memoryMiB, o.registration = disk.MemoryMiB, disk.Method.Registration()
	result, err := o.write(ctx, disk, out)
	if err != nil {
		return err
	}
	if o.output == stdoutName {
		out = warnings
	}
	for _, w := range disk.Advice {
		fmt.Fprintf(warnings, "xenpv: warning: %s\n", w.Text)
	}
	if err := result.print(out, o.asJSON); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// spec returns the disk for the options.
func (o *wrapOptions) spec() (xenpv.Spec, error) {
	spec := xenpv.Spec{
		Image:       o.image,
		Member:      o.member,
		CommandLine: o.cmdline,
		Ramdisk:     o.ramdisk,
		Files:       map[string]string{},
		Layout:      disk.Layout(o.layout),
		Size:        o.sizeGiB * gib,
		Compress:    boot.Compress(o.compress),
		Method:      o.method,
		Shim:        o.shim,
	}
	for _, m := range o.modules {
		path, arguments, _ := strings.Cut(m, " ")
		spec.Modules = append(spec.Modules, boot.Module{Path: path, Arguments: arguments})
	}
	for _, f := range o.files {
		path, local, ok := strings.Cut(f, "=")
		if !ok || path == "" || local == "" {
			return spec, fmt.Errorf("--file %q: specify a path on the disk and a local file, such as /json.cfg=json.cfg", f)
		}
		if spec.Files[path] != "" {
			return spec, fmt.Errorf("--file %q: %s already has a file: specify each path once", f, path)
		}
		spec.Files[path] = local
	}
	return spec, nil
}

// stdoutName stands for standard output, where a command expects a file.
const stdoutName = "-"

// write writes the disk to its file, or to out.
func (o *wrapOptions) write(ctx context.Context, disk *xenpv.Disk, out io.Writer) (*wrapped, error) {
	blocks, err := disk.Blocks(ctx)
	if err != nil {
		return nil, err
	}
	var sum [sha256.Size]byte
	if o.output == stdoutName {
		sum, err = writeDisk(ctx, out, disk)
	} else {
		sum, err = disk.WriteFile(ctx, o.output)
	}
	if err != nil {
		return nil, err
	}
	return &wrapped{
		Path:   o.output,
		SHA256: hex.EncodeToString(sum[:]),
		Size:   disk.Size(),
		Blocks: len(blocks),
		Kernel: disk.KernelPath(),
		System: disk.Report.System,
		Arch:   disk.Report.Arch,
	}, nil
}

// writeDisk writes the whole disk, and returns its SHA-256.
func writeDisk(ctx context.Context, out io.Writer, disk *xenpv.Disk) (sum [sha256.Size]byte, err error) {
	digest := sha256.New()
	all := contextReader{ctx, io.NewSectionReader(disk, 0, disk.Size())}
	if _, err := io.Copy(io.MultiWriter(out, digest), all); err != nil {
		return sum, fmt.Errorf("write disk: %w", err)
	}
	digest.Sum(sum[:0])
	return sum, nil
}

func (w *wrapped) print(out io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(w)
	}
	_, err := fmt.Fprintf(out, "path:    %s\nsha256:  %s\nsize:    %d\nblocks:  %d\n", w.Path, w.SHA256, w.Size, w.Blocks)
	return err
}
