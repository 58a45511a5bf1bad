package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// defaultMemoryMiB is enough to start any unikernel, and little for this machine.
const defaultMemoryMiB = 128

type bootOptions struct {
	path    string
	input   string // the file to read; it differs from path for standard input
	publish []string
	check   string
	timeout time.Duration
	cmdline *string
	ramdisk string
	address string
	gateway string
	asJSON  bool
	spec    hypervisor.Spec
	method  string
	shim    string
}

// A booted is the result of a boot. Its JSON form is a contract that scripts rely on.
// Times are in seconds from the start of the command; those of stages that weren't
// reached are omitted.
type booted struct {
	Path      string   `json:"path"`
	Loader    string   `json:"loader"` // pygrub, pv-grub and its path, or BIOS
	Published []string `json:"published"`
	Check     string   `json:"check"`
	Passed    bool     `json:"passed"`
	Evidence  string   `json:"evidence,omitempty"` // of the check that passed, such as the status
	Exit      string   `json:"exit,omitempty"`     // poweroff, reboot, suspend or crash
	Error     string   `json:"error,omitempty"`
	Times     struct {
		ToolstackReady   float64 `json:"toolstack_ready,omitempty"`
		DomainCreated    float64 `json:"domain_created,omitempty"`
		FirstConsoleByte float64 `json:"first_console_byte,omitempty"`
		FirstAnswer      float64 `json:"first_answer,omitempty"`
	} `json:"times"`
}

func bootCommand() *cobra.Command {
	var o bootOptions
	cmd := &cobra.Command{
		Use:   "boot IMAGE|DISK",
		Short: "Boot a kernel or a wrapped disk under Xen in QEMU",
		Long: `Boot a kernel or a wrapped disk under Xen in QEMU.

A kernel, or the kernel of a domain configuration, is wrapped first, as with
"xenpv wrap". For the method pv-grub, Xen's own pygrub reads the menu on the disk;
for the others, the BIOS boots the disk. The disk file is not modified. Requires QEMU.
On first use, downloads Debian 12 packages with apt, unless XENPV_DOM0 names a directory
with a dom0 bundle that was copied from another machine. Root and KVM are not needed.

The guest's console goes to standard output or, with --json, to standard error. With
--check, the command waits until the check passes and then stops the guest. Without
it, the command runs until the guest exits.

Exit status: 0 if the check passed or, without a check, if the guest powered off
or rebooted; 3 if the boot method can't start IMAGE; otherwise 2.`,
		Example: `  xenpv boot disk.raw --publish 127.0.0.5:8080:80 --check http://:80/
  xenpv boot ling.img --cmdline '-dhcp -pz /app/ebin' --memory 128 --check tcp://:22
  xenpv boot mir-www.xen --address 10.0.0.2/24 --gateway 10.0.0.1 --check icmp://`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			// The limit for wrapping is too low for making dom0's bundle.
			debug.SetMemoryLimit(math.MaxInt64)
			o.path = args[0]
			input, remove, err := openInput(cmd, o.path)
			if err != nil {
				return err
			}
			defer remove()
			o.input = input
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *bootOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&o.publish, "publish", "p", nil, "forward `[HOST:]PORT:GUESTPORT[/udp]` to the guest; may be repeated")
	flags.StringVar(&o.check, "check", "", "wait for `URL`: http://:80/path, tcp://:22 or icmp://")
	flags.DurationVar(&o.timeout, "timeout", 90*time.Second, "time limit of the check, from the creation of the domain")
	commandLineVar(flags, &o.cmdline)
	flags.StringVar(&o.ramdisk, "ramdisk", "", "`file` for the kernel's ramdisk")
	flags.IntVar(&o.spec.MemoryMiB, "memory", 0, "memory of the guest in `MiB` (default: from the domain configuration, otherwise 128)")
	flags.StringVar(&o.address, "address", "", "address compiled into the image, in `CIDR` notation, such as 10.0.0.2/24 (default: DHCP)")
	flags.StringVar(&o.gateway, "gateway", "", "`IP` of the image's gateway (default: the first address in the subnet, other than the guest's own)")
	flags.StringVar(&o.spec.PVGRUB, "pvgrub", os.Getenv("XENPV_PVGRUB"), "boot with this pv-grub `file` instead of pygrub (also: XENPV_PVGRUB)")
	methodVars(flags, &o.method, &o.shim)
	flags.BoolVar(&o.spec.KVM, "kvm", false, "use KVM instead of emulation")
	flags.BoolVar(&o.asJSON, "json", false, "print one JSON object at the end")
}

// run boots, and prints the console and the result.
func (o *bootOptions) run(ctx context.Context, out, messages io.Writer) error {
	started := time.Now()
	o.spec.Console = out
	if o.asJSON {
		o.spec.Console = messages
	}
	o.spec.Progress = func(line string) { fmt.Fprintf(messages, "xenpv: %s\n", line) }
	result := booted{Path: o.path, Check: o.check, Loader: o.spec.Loader(), Published: []string{}}
	err := o.boot(ctx, started, &result, messages)
	if err != nil {
		result.Error = err.Error()
	}
	if o.asJSON && !errors.Is(err, errRefused) {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = errors.Join(err, encoder.Encode(result))
	}
	return err
}

// boot wraps the image if necessary, boots the disk and runs the check.
func (o *bootOptions) boot(ctx context.Context, started time.Time, result *booted, messages io.Writer) error {
	check, err := o.parse(ctx)
	if err != nil {
		return err
	}
	for _, f := range o.spec.Forwards {
		result.Published = append(result.Published, f.String())
	}
	disk, err := o.disk(ctx, messages)
	if err != nil {
		return err
	}
	defer disk.Close()
	result.Loader = o.spec.Loader() // the method that the image needs is known now
	o.spec.Disk, o.spec.MemoryMiB = disk.path, cmp.Or(o.spec.MemoryMiB, defaultMemoryMiB)
	domain, err := hypervisor.Boot(ctx, o.spec)
	if err != nil {
		return fmt.Errorf("boot %s: %w", o.path, err)
	}
	defer domain.Destroy()
	for _, f := range o.spec.Forwards {
		o.spec.Progress("published at " + address(f))
	}
	err = o.await(ctx, domain, check, result)
	if err == nil && o.check != "" {
		result.Passed, result.Times.FirstAnswer = true, time.Since(started).Seconds()
		o.spec.Progress(fmt.Sprintf("check %s passed after %.1f s: %s", o.check, result.Times.FirstAnswer, result.Evidence))
	}
	// The image was wrapped before the domain's own clock started.
	times, before := domain.Times(), domain.Started().Sub(started)
	result.Times.ToolstackReady = (before + times.ToolstackReady).Seconds()
	result.Times.DomainCreated = (before + times.DomainCreated).Seconds()
	if times.FirstConsoleByte != 0 {
		result.Times.FirstConsoleByte = (before + times.FirstConsoleByte).Seconds()
	}
	return err
}

// address is where a forwarded port is reached: a URL for the ports of HTTP, ready
// to be opened.
func address(f hypervisor.Forward) string {
	port := fmt.Sprintf(" (port %d of the guest)", f.GuestPort)
	switch {
	case f.Proto == "tcp" && f.GuestPort == 80:
		return fmt.Sprintf("http://%s/%s", f.Host, port)
	case f.Proto == "tcp" && f.GuestPort == 443:
		return fmt.Sprintf("https://%s/%s", f.Host, port)
	}
	return fmt.Sprintf("%s://%s%s", f.Proto, f.Host, port)
}

// bootDisk is the disk to boot; file is nil if the user specified a disk.
type bootDisk struct {
	path string
	file *os.File
}

func (d bootDisk) Close() {
	if d.file != nil {
		_ = d.file.Close() // it has no name, and isn't needed anymore
	}
}

// disk returns the disk to boot. That of a wrapped image is a file without a name, so
// that nothing is left of it in any case.
func (o *bootOptions) disk(ctx context.Context, messages io.Writer) (bootDisk, error) {
	if hypervisor.IsDisk(o.input) {
		if o.cmdline != nil || o.ramdisk != "" {
			return bootDisk{}, fmt.Errorf("%s is a disk, whose menu.lst has the command line and the ramdisk: remove --cmdline and --ramdisk", o.path)
		}
		if o.method != boot.Auto && o.method != boot.PVGRUB.Name() {
			o.spec.Virtualization = hypervisor.HVM
		}
		return bootDisk{path: o.input}, nil
	}
	dir, err := os.MkdirTemp("", "xenpv-boot-")
	if err != nil {
		return bootDisk{}, err
	}
	defer os.RemoveAll(dir)
	wrap := wrapOptions{
		image: o.input, output: filepath.Join(dir, "disk.raw"),
		cmdline: o.cmdline, ramdisk: o.ramdisk, compress: string(boot.CompressAuto),
		method: o.method, shim: o.shim,
	}
	if err := wrap.run(ctx, io.Discard, messages); err != nil {
		return bootDisk{}, err
	}
	o.spec.MemoryMiB = cmp.Or(o.spec.MemoryMiB, int(wrap.memoryMiB))
	if wrap.registration.VirtualizationType == "hvm" {
		o.spec.Virtualization = hypervisor.HVM
	}
	file, err := os.Open(wrap.output)
	if err != nil {
		return bootDisk{}, err
	}
	return bootDisk{path: fmt.Sprintf("/dev/fd/%d", file.Fd()), file: file}, nil
}
