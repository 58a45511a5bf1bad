// Command xenpv inspects Xen PV kernels and wraps them in disks that boot
// on EC2, without Packer. It also prints templates for Packer to start from.
//
// Its exit status is 0 on success, 3 if an image was read but no boot method can start
// it, 130 if it was interrupted, and 2 for all other errors, such as an image that
// can't be read, a disk that can't be written, or a usage error.
//
// Results go to stdout, with --json as JSON. Errors, warnings and the progress of
// tasks that take more than a second go to stderr.
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
	exitFailed      = 2
	exitRefused     = 3
	exitInterrupted = 130 // as shells report the end by SIGINT
)

// errRefused ends a command that has already printed why no boot method can start the
// image.
var errRefused = errors.New("no boot method can start the image")

func main() {
	// Decompressing the kernel with its dictionary may take 48 MiB. Above that,
	// the garbage collector runs at once instead of letting memory double.
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
	return execute(ctx, root, stderr)
}

// execute runs a command and returns its exit status.
func execute(ctx context.Context, root *cobra.Command, stderr io.Writer) int {
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errRefused):
		return exitRefused
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "xenpv: interrupted")
		return exitInterrupted
	case errors.Is(err, errUnreadable):
		return exitFailed
	}
	fmt.Fprintln(stderr, "xenpv:", err)
	return exitFailed
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "xenpv",
		Short: "Inspect Xen PV kernels, and wrap them in disks that boot on EC2",
		Long: `Inspect Xen PV kernels, and wrap them in disks that boot on EC2.

Results go to stdout. Errors and warnings go to stderr, as does the progress
of tasks that take more than a second: a bar on a terminal, otherwise a line every
ten seconds.

An image that is named "-" is read from standard input.

Exit status: 0 on success; 3 if an image was read but can't be booted; 130 after
Ctrl-C; 2 for all other errors.`,
		Example: `  xenpv inspect web.img
  xenpv wrap web.img -o disk.raw --cmdline '-dhcp'
  xenpv template ling > web.pkr.hcl
  source <(xenpv completion bash)`,
		Version:       versionText(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(inspectCommand(), wrapCommand(), bootCommand(), templateCommand(), versionCommand())
	return root
}
