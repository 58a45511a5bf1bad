// Localec2 is an EC2 on the loopback interface: the EC2, EBS direct and STS
// calls that baking an AMI and running it need, with no AWS account. Its manual
// is that of package localec2 beside it.
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
	"syscall"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
)

const usage = `localec2 serves EC2, the EBS direct APIs and STS on a loopback address.

The first line on standard output is AWS_ENDPOINT_URL=http://ADDRESS:PORT. Each
call is logged to standard error. It runs until it is interrupted.

  export AWS_ENDPOINT_URL=... AWS_ACCESS_KEY_ID=AKIALOCAL AWS_SECRET_ACCESS_KEY=x
  aws --endpoint-url $AWS_ENDPOINT_URL --region us-east-1 ec2 describe-regions

Any access key will do; one that begins with AKIDENIED is allowed nothing, one
that begins with AKIUNKNOWN is not known.

Instances boot under Xen in QEMU; each answers on an address of its own, 127.0.0.2
and up, on the ports that its security groups open.

Faults: ACTION=KIND[,from=N][,times=N][,nth=N][,delay=D][,service=S][,region=R][,code=C][,status=N]
  ACTION  an action such as PutSnapshotBlock, or * for all
  KIND    delay, throttle, refuse, fail (any error), cut or cut-after (the
          connection is closed before, or after, the call took effect)
  from    first call that it strikes, from 1; times: how many, 0 is no end
  nth     short for from=N,times=1

Look inside: GET /_localec2/calls, GET /_localec2/resources,
GET /_localec2/ping?address=127.0.0.N (an ICMP echo of an instance's guest),
POST /_localec2/faults (one fault a line), DELETE /_localec2/faults.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program; it returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, faults, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2 // the flag package has said why
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

// parse reads the command line.
func parse(args []string, stderr io.Writer) (localec2.Options, []localec2.Fault, error) {
	opts := localec2.Defaults()
	var faults []localec2.Fault
	fs := flag.NewFlagSet("localec2", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	fs.StringVar(&opts.Listen, "listen", "127.0.0.1:0", "loopback `address` and port; port 0 picks a free one")
	fs.StringVar(&opts.Account, "account", "123456789012", "`account` that owns what is made")
	fs.DurationVar(&opts.Latency, "latency", 0, "least `time` that each call takes")
	fs.DurationVar(&opts.SnapshotPending, "snapshot-pending", opts.SnapshotPending, "`time` a snapshot stays pending after CompleteSnapshot")
	fs.DurationVar(&opts.ImagePending, "image-pending", opts.ImagePending, "`time` an image stays pending after RegisterImage")
	fs.DurationVar(&opts.Invisible, "invisible", opts.Invisible, "`time` a new snapshot or image is not found")
	fs.DurationVar(&opts.InstancePending, "instance-pending", opts.InstancePending, "least `time` that an instance is pending")
	fs.DurationVar(&opts.InstanceEnding, "instance-ending", opts.InstanceEnding, "least `time` that an instance is stopping or shutting down")
	fs.BoolVar(&opts.NoInstances, "no-instances", false, "start no guests: instances pass through their states, and never answer")
	fs.IntVar(&opts.MemoryMiB, "memory", 0, "memory for all instances in `MiB` (default three quarters of the machine's)")
	fs.StringVar(&opts.PVGRUB, "pvgrub", "", "`file` of a pv-grub that reads menu.lst in pygrub's place")
	fs.Func("public-addresses", "part of 127.0.0.0/8 for instances, as a `CIDR` block (default 127.0.0.0/24)", func(text string) (err error) {
		opts.PublicAddresses, err = netip.ParsePrefix(text)
		return err
	})
	fs.Func("instance-profile", "`name` of an IAM instance profile that there is (repeatable)", func(name string) error {
		opts.InstanceProfiles = append(opts.InstanceProfiles, name)
		return nil
	})
	fs.BoolVar(&opts.TokensOutlive, "tokens-outlive", false, "client tokens stay bound to deleted snapshots")
	quiet := fs.Bool("quiet", false, "do not log calls")
	fs.Func("fault", "a `fault` to inject (repeatable), see above", func(text string) error {
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

// logCalls writes one line a call.
func logCalls(logger *log.Logger) func(localec2.Call) {
	return func(c localec2.Call) {
		answer := fmt.Sprint(c.Status)
		if c.Status == 0 {
			answer = "cut"
		}
		logger.Printf("%s %s %s %s %s %s %s", c.Region, c.Service, c.Action, c.Resource, answer, c.Code, c.Took.Round(10_000))
	}
}
