// Package guest runs the guests of instances: under Xen in QEMU, each from the
// blocks of a snapshot. It is the one place that knows package hypervisor.
package guest

import (
	"context"
	"net/netip"
	"sync"
)

// Blocks is where volumes come from. Satisfied by *ebs.Service.
type Blocks interface {
	// ReadBlocks calls each for every block of a snapshot.
	ReadBlocks(ctx context.Context, region, snapshot string, each func(offset int64, data []byte) error) error
}

// Options says how a host runs guests.
type Options struct {
	// Off starts no guests: instances never answer.
	Off bool

	// PVGRUB is the path of a pv-grub that reads menu.lst in pygrub's place.
	PVGRUB string

	// Log, if not nil, is given a line for each event.
	Log func(string)

	Blocks Blocks
}

// Host runs guests on this machine. It is safe for concurrent use.
type Host struct {
	opts Options
	life context.Context // of all guests
	stop context.CancelFunc

	mu     sync.Mutex // guards closed
	closed bool
	guests sync.WaitGroup
}

// NewHost makes a host with no guests.
func NewHost(opts Options) *Host {
	h := &Host{opts: opts}
	h.life, h.stop = context.WithCancel(context.Background())
	return h
}

// Close ends all guests. Those that are started later end at once.
func (h *Host) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.stop()
	h.guests.Wait()
}

// Spec describes a guest.
type Spec struct {
	Instance       string // its id, for the log
	Image, Type    string // for the log
	Virtualization string // the image's: "paravirtual" or "hvm"
	Nitro          bool   // the type is of the Nitro system
	RootDevice     string // such as /dev/sda1
	MemoryMiB      int
	VCPUs          int
	Address        netip.Prefix // private
	Gateway        netip.Addr
	Public         netip.Addr // zero if the guest can't be reached
	Open           []Ports    // of the public address
	FirstPartition bool       // PV-GRUB looks for menu.lst there only

	Volume  *Volume
	Console *Console
}

// Ports is a range of ports that callers may reach.
type Ports struct {
	Protocol string // "tcp" or "udp"
	From, To int
}

// Observer is told what becomes of a guest. It may be told before Start has
// returned.
type Observer interface {
	// Settled is called when the guest runs, or when it is certain that it
	// won't.
	Settled(g *Guest)

	// PoweredOff is called when the guest has powered off by itself.
	PoweredOff(g *Guest)

	// Ended is called last, when nothing of the guest is left.
	Ended(g *Guest)
}

// Start starts a guest. It runs until it powers off, [Guest.Stop] or
// [Host.Close].
func (h *Host) Start(spec Spec, observer Observer) *Guest {
	ctx, cancel := context.WithCancel(h.life)
	g := &Guest{host: h, spec: spec, observer: observer, cancel: cancel, again: make(chan struct{}, 1)}
	live := func() {
		defer cancel()
		if g.run(ctx) {
			observer.PoweredOff(g)
		}
		observer.Ended(g)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		go live() // ends at once: nobody waits for it
	} else {
		h.guests.Go(live)
	}
	return g
}
