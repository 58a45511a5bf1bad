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

// Options configures a server. With the zero value, states change at once and
// nothing is delayed. The program uses [Defaults].
type Options struct {
	// Listen is the loopback address and port that [Start] listens on. Empty
	// means 127.0.0.1 and a free port.
	Listen string

	// Account is the 12-digit account that owns everything callers create. Empty
	// means 123456789012, the account in AWS's own examples.
	Account string

	// Latency is the minimum time between a request's headers and its answer.
	// The server's own work counts toward it. Zero means no delay.
	Latency time.Duration

	// SnapshotPending is how long a snapshot stays pending after
	// CompleteSnapshot, ImagePending how long an image does after RegisterImage.
	SnapshotPending, ImagePending time.Duration

	// CopyPending is how long an image and its snapshot stay pending after
	// CopyImage. CopyLimit is how many copies to one region may be pending at a
	// time; zero means 20, AWS's quota for snapshot copies.
	CopyPending time.Duration
	CopyLimit   int

	// ImportTime is how long ImportSnapshot takes. A fifth of it is pending, a
	// fifth validating, and the rest converting.
	ImportTime time.Duration

	// ImportRoles are the names of the IAM roles that VM Import can assume. Nil
	// means vmimport, the role that ImportSnapshot uses by default. An empty list
	// means that no such role exists.
	ImportRoles []string

	// Invisible is how long other calls don't find a new resource: the worst case
	// of AWS's eventual consistency.
	Invisible time.Duration

	// TokensOutlive keeps a StartSnapshot client token bound to its snapshot
	// after the snapshot was deleted, so that a repeated request returns the
	// deleted snapshot's id. AWS does not document which of the two it does.
	TokensOutlive bool

	// InstancePending and InstanceEnding are the minimum time that an instance
	// takes to start running, and to stop or terminate. Its guest may take
	// longer.
	InstancePending, InstanceEnding time.Duration

	// SessionLifetime is how long STS's temporary keys last, whatever callers ask
	// for. Zero means as long as they ask for.
	SessionLifetime time.Duration

	// NoInstances runs no guests: instances pass through their states, never
	// answer, and use no memory.
	NoInstances bool

	// MemoryMiB limits the memory of all instances together, including 600 MiB
	// per instance for dom0 and Xen. Zero means three quarters of this machine's
	// memory.
	MemoryMiB int

	// PublicAddresses is the range of the instances' public addresses, a part of
	// 127.0.0.0/8. Its first two addresses and its last are not used. The zero
	// value means 127.0.0.0/24. On macOS, add the addresses to the loopback
	// interface first: ifconfig lo0 alias 127.0.0.2.
	PublicAddresses netip.Prefix

	// InstanceProfiles are the names of the IAM instance profiles that exist.
	// They have no effect on instances, which have no metadata service.
	InstanceProfiles []string

	// PVGRUB is the path of a pv-grub that reads menu.lst instead of pygrub.
	PVGRUB string

	// Log, if not nil, is called with a line for each event of an instance. It
	// is called by several goroutines, and must not call the server.
	Log func(string)

	// Now is the clock for every state and timeout; nil means time.Now. The date
	// in a signature is always compared with the real clock, which clients sign
	// with.
	Now func() time.Time

	// OnCall, if not nil, is called with each call, one at a time, just before
	// the answer is written. It must not call the server.
	OnCall func(Call)
}

// Defaults returns the options of the program: snapshots, images, copies and
// instances are pending for half a second. A client that does not wait fails, and nobody
// notices the delay. Nothing is invisible: on AWS that is the exception, and a
// script without retries should work as it does there.
func Defaults() Options {
	const short = 500 * time.Millisecond
	return Options{
		SnapshotPending: short, ImagePending: short, CopyPending: short, ImportTime: short, InstancePending: short, InstanceEnding: short,
	}
}

// complete returns the options with defaults for zero values.
func (o Options) complete() Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.CopyLimit == 0 {
		o.CopyLimit = 20
	}
	if o.MemoryMiB == 0 {
		o.MemoryMiB = hostMemory()
	}
	if !o.PublicAddresses.IsValid() {
		o.PublicAddresses = netip.MustParsePrefix("127.0.0.0/24")
	}
	if o.ImportRoles == nil {
		o.ImportRoles = []string{"vmimport"}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// checkInstances rejects options with which no instance could be reached.
func (o Options) checkInstances() error {
	p := o.PublicAddresses
	if !p.Addr().Is4() || !p.Addr().IsLoopback() || p.Bits() < 8 || p.Bits() > 29 {
		return fmt.Errorf("the public addresses %v are not a part of 127.0.0.0/8 with at least 8 addresses", p)
	}
	if o.MemoryMiB < 0 {
		return fmt.Errorf("the memory for instances can't be %d MiB", o.MemoryMiB)
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

// hostMemory returns the default memory for instances in MiB: three quarters of
// this machine's. The rest is for the callers.
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
