// Command xenpv inspects Xen PV kernels and wraps them in disks that PV-GRUB
// boots, without Packer. It also prints templates for Packer to start from.
//
// Its exit status is 0 where all went well, 3 where an image was read but
// PV-GRUB can't start it, and 2 for everything else: an image that can't be
// read, a disk that can't be written, a wrong use of the command.
//
// What was asked for goes to stdout, and with --json as JSON. Errors, warnings
// and the progress of what takes more than a second go to stderr.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

const (
	exitFailed  = 2
	exitRefused = 3
)

// errRefused ends a command that has said already why the image is refused.
var errRefused = errors.New("PV-GRUB can't start the image")

func main() {
	// The kernel being unpacked and its dictionary may take 48 MiB. Beyond that,
	// garbage is collected at once instead of being left to double it.
	debug.SetMemoryLimit(48 << 20)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run runs the command with the given arguments and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errRefused):
		return exitRefused
	case errors.Is(err, errUnreadable):
		return exitFailed
	}
	fmt.Fprintln(stderr, "xenpv:", err)
	return exitFailed
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "xenpv",
		Short: "Inspect Xen PV kernels, and wrap them in disks that PV-GRUB boots",
		Long: `Inspect Xen PV kernels, and wrap them in disks that PV-GRUB boots.

What was asked for goes to stdout. Errors, warnings and the progress of what
takes more than a second go to stderr: as a bar on a terminal, elsewhere as a
line in ten seconds.

Exit status: 0 where all went well; 3 where an image was read but PV-GRUB can't
start it; 2 for everything else.`,
		Example: `  xenpv inspect web.img
  xenpv wrap web.img -o disk.raw --cmdline '-dhcp'
  xenpv template ling > web.pkr.hcl
  source <(xenpv completion bash)`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(inspectCommand(), wrapCommand(), bootCommand(), templateCommand(), versionCommand())
	return root
}
