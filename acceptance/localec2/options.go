package localec2

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// Options says how the server behaves. The zero value is a server whose states
// change at once and that adds no delay; [Defaults] is what the program uses.
type Options struct {
	// Listen is the address that [Start] listens on: a loopback address and a
	// port. Empty means 127.0.0.1 and a free port.
	Listen string

	// Account is the 12-digit account that owns all that callers make. Empty
	// means 123456789012, the account of AWS's own examples.
	Account string

	// Latency is the least time between a request's headers and its answer. The
	// server does its work within it, so it adds nothing as long as the work is
	// shorter. Zero means no wait.
	Latency time.Duration

	// SnapshotPending is how long a snapshot stays pending after
	// CompleteSnapshot, ImagePending how long an image does after RegisterImage.
	SnapshotPending, ImagePending time.Duration

	// Invisible is how long a new snapshot or image is not found by any other
	// call: AWS's eventual consistency at its worst.
	Invisible time.Duration

	// TokensOutlive keeps a StartSnapshot client token bound to its snapshot
	// after the snapshot was deleted, so that the same request again gets the
	// dead snapshot's id. AWS does not say which of the two it does.
	TokensOutlive bool

	// InstancePending and InstanceEnding are the least time that an instance
	// takes to run, and to stop or be terminated. Its guest may take longer.
	InstancePending, InstanceEnding time.Duration

	// NoInstances has instances pass through their states with no guest: they
	// never answer, and take no memory.
	NoInstances bool

	// MemoryMiB bounds the memory of all instances together, with 600 MiB for
	// each instance's dom0 and Xen. Zero means three quarters of the machine's.
	MemoryMiB int

	// PublicAddresses are the addresses that instances are reached under: a
	// part of 127.0.0.0/8, of which the first two and the last are not given.
	// The zero value means 127.0.0.0/24. On macOS the loopback interface has
	// to be given them first: ifconfig lo0 alias 127.0.0.2.
	PublicAddresses netip.Prefix

	// InstanceProfiles are the names of the IAM instance profiles that there
	// are. They give an instance nothing: it has no metadata service.
	InstanceProfiles []string

	// PVGRUB is the path of a pv-grub that reads menu.lst in pygrub's place.
	PVGRUB string

	// Log, if not nil, is given a line for each thing that happens to an
	// instance. It is called by several goroutines, and must not call the
	// server.
	Log func(string)

	// Now is the clock for every state and time-out; nil means time.Now. The
	// date in a signature is always compared with the real clock, because
	// clients sign with theirs.
	Now func() time.Time

	// OnCall, if not nil, is given each call after it was answered, one at a
	// time. It must not call the server.
	OnCall func(Call)
}

// Defaults returns the options of the program: half a second pending for
// snapshots, images and instances, long enough that a client which does not wait fails,
// short enough not to be felt. Nothing is invisible, because on AWS that is
// the exception, and a script with no retries should work as it does there.
func Defaults() Options {
	const short = 500 * time.Millisecond
	return Options{SnapshotPending: short, ImagePending: short, InstancePending: short, InstanceEnding: short}
}

// complete returns the options with the zero values filled in.
func (o Options) complete() Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.MemoryMiB == 0 {
		o.MemoryMiB = hostMemory()
	}
	if !o.PublicAddresses.IsValid() {
		o.PublicAddresses = netip.MustParsePrefix("127.0.0.0/24")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// checkInstances refuses options with which no instance could be reached.
func (o Options) checkInstances() error {
	p := o.PublicAddresses
	if !p.Addr().Is4() || !p.Addr().IsLoopback() || p.Bits() < 8 || p.Bits() > 29 {
		return fmt.Errorf("the public addresses %v are not a part of 127.0.0.0/8 with 8 addresses or more", p)
	}
	if o.MemoryMiB < 0 {
		return fmt.Errorf("the memory of instances can't be %d MiB", o.MemoryMiB)
	}
	if o.PVGRUB == "" {
		return nil
	}
	file, err := os.Open(o.PVGRUB)
	if err != nil {
		return fmt.Errorf("read pv-grub: %w", err)
	}
	return file.Close()
}

// unknownMemoryMiB is the memory for instances on systems that don't report
// theirs: enough for three guests of the smallest types.
const unknownMemoryMiB = 8 << 10

// hostMemory returns the memory for instances where no option says it: three
// quarters of this machine's, in MiB. The rest is for those who call.
func hostMemory() int {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return unknownMemoryMiB
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "MemTotal:" {
			continue
		}
		if kib, err := strconv.Atoi(fields[1]); err == nil {
			return kib / 1024 * 3 / 4
		}
	}
	return unknownMemoryMiB
}
