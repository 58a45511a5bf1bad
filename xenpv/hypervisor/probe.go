package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// probeRepeat is the pause before an unanswered probe is repeated, as in
// ping(8). An answer to any of them counts.
const probeRepeat = time.Second

// Ping sends the guest ICMP echo requests from an address in its subnet, and
// returns as soon as it replies. The error reports that ctx was done first, or
// that the domain ended.
func (d *Domain) Ping(ctx context.Context) error { return d.probe(ctx, 0) }

// Connect probes whether the guest accepts TCP connections on the port. It
// returns nil as soon as the guest accepts one, and an error that wraps
// [syscall.ECONNREFUSED] as soon as the guest refuses one. Otherwise the error
// reports that ctx was done first, or that the domain ended. The handshake isn't
// completed: the guest's program doesn't see the connection.
func (d *Domain) Connect(ctx context.Context, port uint16) error {
	if port == 0 {
		return errors.New("connect to the guest: port must be 1 to 65535, not 0")
	}
	return d.probe(ctx, port)
}

// probe has dom0 probe a TCP port of the guest, or ICMP if port is 0.
func (d *Domain) probe(ctx context.Context, port uint16) error {
	id, answers := d.expect(1)
	defer d.forget(id)
	repeat := time.NewTicker(probeRepeat)
	defer repeat.Stop()
	for {
		if err := d.sendProbe(id, port); err != nil {
			return err
		}
		select {
		case answer := <-answers:
			if answer.Refused {
				return fmt.Errorf("connect to the guest's port %d: %w", port, syscall.ECONNREFUSED)
			}
			return nil
		case <-repeat.C:
		case <-d.done:
			return d.ended()
		case <-ctx.Done():
			return fmt.Errorf("no reply from %v to %s: %w", d.spec.Network.Address.Addr(), probeName(port), context.Cause(ctx))
		}
	}
}

func probeName(port uint16) string {
	if port == 0 {
		return "ICMP"
	}
	return fmt.Sprintf("TCP port %d", port)
}

// expect returns the number of a new probe, and the channel of its answers,
// which buffers as many as given.
func (d *Domain) expect(answers int) (uint32, <-chan event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.expected == nil {
		d.expected = map[uint32]chan event{}
	}
	d.asked++
	d.expected[d.asked] = make(chan event, answers)
	return d.asked, d.expected[d.asked]
}

func (d *Domain) forget(id uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.expected, id)
}

// answered passes an answer to the probe's channel, if that still exists.
func (d *Domain) answered(e event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case d.expected[e.ID] <- e:
	default:
	}
}

// sendProbe has dom0 probe each port once; 0 is ICMP.
func (d *Domain) sendProbe(id uint32, ports ...uint16) error {
	network := d.spec.Network
	from, err := network.probe()
	if err != nil {
		return err
	}
	return d.machine.ask(request{
		Request: "probe", ID: id, Ports: ports,
		Address: network.Address.Addr().String(), From: from.Addr().String(), Mask: mask(from),
	})
}

// mask returns a subnet mask in dotted decimal.
func mask(p netip.Prefix) string { return net.IP(net.CIDRMask(p.Bits(), 32)).String() }
