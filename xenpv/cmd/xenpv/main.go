// Command xenpv inspects Xen PV kernels and wraps them in disks that PV-GRUB
// boots, without Packer.
//
// Its exit status is 0 where all went well, 3 where an image was read but
// PV-GRUB can't start it, and 2 for everything else: an image that can't be
// read, a disk that can't be written, a wrong use of the command.
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
	}
	fmt.Fprintln(stderr, "xenpv:", err)
	return exitFailed
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "xenpv",
		Short: "Inspect Xen PV kernels, and wrap them in disks that PV-GRUB boots",
		Long: `Inspect Xen PV kernels, and wrap them in disks that PV-GRUB boots.

Exit status: 0 where all went well; 3 where an image was read but PV-GRUB can't
start it; 2 for everything else.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(inspectCommand(), wrapCommand())
	return root
}
