// Package guest runs the guests of instances under Xen in QEMU, each from the
// blocks of a snapshot. Only this package knows package hypervisor.
package guest

import (
	"context"
	"net/netip"
	"sync"
)

// Blocks is the source of volumes. Satisfied by *ebs.Service.
type Blocks interface {
	// ReadBlocks calls each for every block of a snapshot, with its offset in
	// the volume.
	ReadBlocks(ctx context.Context, region, snapshot string, each func(offset int64, data []byte) error) error
}

// Options configures a host.
type Options struct {
	// Off disables guests: instances never answer.
	Off bool

	// PVGRUB is the path of a pv-grub that reads menu.lst instead of pygrub.
	PVGRUB string

	// Log, if not nil, is called with a line for each event.
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

// NewHost returns a host without guests.
func NewHost(opts Options) *Host {
	h := &Host{opts: opts}
	h.life, h.stop = context.WithCancel(context.Background())
	return h
}

// Close ends all guests. Guests that are started later end at once.
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
	Virtualization string // of the image: "paravirtual" or "hvm"
	Nitro          bool   // the type is of the Nitro system
	RootDevice     string // such as /dev/sda1
	MemoryMiB      int
	VCPUs          int
	Address        netip.Prefix // private
	Gateway        netip.Addr
	Public         netip.Addr // zero if the guest has none
	Open           []Ports    // ports of the public address
	FirstPartition bool       // PV-GRUB finds menu.lst only there

	Volume  *Volume
	Console *Console
}

// Ports is a range of ports that callers can reach.
type Ports struct {
	Protocol string // "tcp" or "udp"
	From, To int
}

// Observer is notified of the events of a guest. Notifications can arrive
// before Start has returned.
type Observer interface {
	// Settled is called when the guest is running, or can't be started.
	Settled(g *Guest)

	// PoweredOff is called when the guest powered off by itself.
	PoweredOff(g *Guest)

	// Ended is called last, when the guest is gone.
	Ended(g *Guest)
}

// Start starts a guest, which runs until it powers off, [Guest.Stop] or
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
		go live() // ends at once; Close doesn't wait for it
	} else {
		h.guests.Go(live)
	}
	return g
}
