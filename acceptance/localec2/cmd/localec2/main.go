// Command localec2 serves the EC2, EBS direct, S3 and STS calls that baking an AMI
// and running it need, on the loopback interface and without an AWS account. See
// package localec2 for the manual.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
)

const usage = `localec2 serves EC2, the EBS direct APIs, S3 and STS on a loopback address.

Usage: localec2 [flags]

The first line on standard output is AWS_ENDPOINT_URL=http://ADDRESS:PORT. Each
call is logged to standard error. The server runs until it is interrupted.

  export AWS_ENDPOINT_URL=... AWS_ACCESS_KEY_ID=AKIALOCAL AWS_SECRET_ACCESS_KEY=x
  aws --endpoint-url $AWS_ENDPOINT_URL --region us-east-1 ec2 describe-regions

Any access key works, with two exceptions for tests: a key that begins with
AKIDENIED has no permissions, and one that begins with AKIUNKNOWN is rejected.
Any role of the account can be assumed. A role whose name begins with mfa-
requires a code from the device arn:aws:iam::ACCOUNT:mfa/localec2: 123456, 234567 or 345678,
each of which works once. One that begins with denied- has no permissions.

Instances boot under Xen in QEMU. Each gets its own address, starting at
127.0.0.2, and accepts connections on the ports that its security groups allow.

Faults: ACTION=KIND[,from=N][,times=N][,nth=N][,delay=D][,service=S][,region=R][,code=C][,status=N]
  ACTION  an action such as PutSnapshotBlock, or * for all actions
  KIND    delay, throttle, refuse, fail (any error), cut or cut-after (close the
          connection before or after the call takes effect), or end-pending (with
          RunInstances, CopyImage or ImportSnapshot only: the call succeeds, but its
          instances go from pending to terminated with the state reason
          Server.InternalError, its image goes from pending to failed, or its import
          task fails)
  from    first call it applies to, counted from 1
  times   number of calls it applies to; 0 means no limit
  nth     short for from=N,times=1

Inspect the server: GET /_localec2/calls, GET /_localec2/resources,
GET /_localec2/ping?address=127.0.0.N (pings the guest of an instance),
POST /_localec2/faults (one fault per line), DELETE /_localec2/faults.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, faults, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2 // the flag package has printed the reason
	}
	server, err := localec2.Start(opts)
	if err != nil {
		fmt.Fprintln(stderr, "localec2:", err)
		return 1
	}
	for _, f := range faults {
		server.Inject(f)
	}
	fmt.Fprintln(stdout, "AWS_ENDPOINT_URL="+server.URL())
	<-ctx.Done()
	if err := server.Close(); err != nil {
		fmt.Fprintln(stderr, "localec2:", err)
		return 1
	}
	return 0
}

// parse parses the command line.
func parse(args []string, stderr io.Writer) (localec2.Options, []localec2.Fault, error) {
	opts := localec2.Defaults()
	var faults []localec2.Fault
	fs := flag.NewFlagSet("localec2", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	defineOptions(fs, &opts)
	quiet := fs.Bool("quiet", false, "do not log calls")
	fs.Func("fault", "`fault` to inject, see above (repeatable)", func(text string) error {
		f, err := localec2.ParseFault(text)
		faults = append(faults, f)
		return err
	})
	if err := fs.Parse(args); err != nil {
		return opts, nil, err
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "localec2: unexpected argument %q\n", fs.Arg(0))
		return opts, nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	logger := log.New(stderr, "", log.Ltime|log.Lmicroseconds)
	if !*quiet {
		opts.OnCall = logCalls(logger)
	}
	opts.Log = func(line string) { logger.Print(line) }
	return opts, faults, nil
}

// defineOptions defines the flags that set the server's options.
func defineOptions(fs *flag.FlagSet, opts *localec2.Options) {
	fs.StringVar(&opts.Listen, "listen", "127.0.0.1:0", "loopback `address` and port; port 0 picks a free one")
	fs.StringVar(&opts.Account, "account", "123456789012", "`account` that owns the resources")
	fs.DurationVar(&opts.Latency, "latency", 0, "minimum `time` for each call")
	fs.DurationVar(&opts.SnapshotPending, "snapshot-pending", opts.SnapshotPending, "`time` a snapshot stays pending after CompleteSnapshot")
	fs.DurationVar(&opts.ImagePending, "image-pending", opts.ImagePending, "`time` an image stays pending after RegisterImage")
	fs.DurationVar(&opts.CopyPending, "copy-pending", opts.CopyPending, "`time` an image stays pending after CopyImage")
	fs.IntVar(&opts.CopyLimit, "copy-limit", 0, "`number` of copies to a region that may be pending at a time (default 20)")
	fs.DurationVar(&opts.ImportTime, "import-time", opts.ImportTime, "`time` that ImportSnapshot takes")
	fs.Func("import-role", "`name` of an IAM role that VM Import can assume; \"\" for none (repeatable; default vmimport)", func(name string) error {
		opts.ImportRoles = slices.DeleteFunc(append(opts.ImportRoles, name), func(name string) bool { return name == "" })
		return nil
	})
	fs.DurationVar(&opts.Invisible, "invisible", opts.Invisible, "`time` before a new resource is visible to other calls")
	fs.DurationVar(&opts.InstancePending, "instance-pending", opts.InstancePending, "minimum `time` an instance is pending")
	fs.DurationVar(&opts.InstanceEnding, "instance-ending", opts.InstanceEnding, "minimum `time` an instance is stopping or shutting down")
	fs.DurationVar(&opts.SessionLifetime, "session-lifetime", 0, "`time` that temporary keys last (default: as long as callers ask for)")
	fs.BoolVar(&opts.NoInstances, "no-instances", false, "do not start guests; instances change state but never respond")
	fs.IntVar(&opts.MemoryMiB, "memory", 0, "memory for all instances in `MiB` (default three quarters of the machine's)")
	fs.StringVar(&opts.PVGRUB, "pvgrub", "", "pv-grub `file` to boot with, instead of pygrub")
	fs.Func("public-addresses", "public addresses of instances, a `CIDR` block in 127.0.0.0/8 (default 127.0.0.0/24)", func(text string) (err error) {
		opts.PublicAddresses, err = netip.ParsePrefix(text)
		return err
	})
	fs.Func("instance-profile", "`name` of an existing IAM instance profile (repeatable)", func(name string) error {
		opts.InstanceProfiles = append(opts.InstanceProfiles, name)
		return nil
	})
	fs.BoolVar(&opts.TokensOutlive, "tokens-outlive", false, "keep client tokens bound to deleted snapshots")
}

// logCalls logs one line per call.
func logCalls(logger *log.Logger) func(localec2.Call) {
	return func(c localec2.Call) {
		answer := fmt.Sprint(c.Status)
		if c.Status == 0 {
			answer = "cut"
		}
		logger.Printf("%s %s %s %s %s %s %s", c.Region, c.Service, c.Action, c.Resource, answer, c.Code, c.Took.Round(10_000))
	}
}
