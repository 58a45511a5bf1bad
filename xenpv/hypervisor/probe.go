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

// probeRepeat is the pause before a question is put again that nobody answered,
// as ping(8) makes it. The answers to all of them count.
const probeRepeat = time.Second

// Ping asks the guest for an ICMP echo, from an address beside its own, and
// returns as soon as it answers. The error says that ctx was done first, or
// that the domain ended.
func (d *Domain) Ping(ctx context.Context) error { return d.probe(ctx, 0) }

// Connect asks whether the guest accepts TCP connections on the port. It
// returns nil as soon as it does, and an error that holds
// [syscall.ECONNREFUSED] as soon as it refuses; else the error says that ctx
// was done first, or that the domain ended. The connection is only begun: the
// guest's program doesn't see it.
func (d *Domain) Connect(ctx context.Context, port uint16) error {
	if port == 0 {
		return errors.New("connect to the guest: port 0 is none")
	}
	return d.probe(ctx, port)
}

// probe has dom0 ask the guest for an answer on a TCP port, or to ICMP where
// port is 0.
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
			return fmt.Errorf("no answer from %v to %s: %w", d.spec.Network.Address.Addr(), probeName(port), context.Cause(ctx))
		}
	}
}

func probeName(port uint16) string {
	if port == 0 {
		return "ICMP"
	}
	return fmt.Sprintf("TCP port %d", port)
}

// expect makes the number of a question, and the channel of the answers to it;
// so many of them are kept until they are taken.
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

// answered hands an answer on to who asked, if they still listen.
func (d *Domain) answered(e event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case d.expected[e.ID] <- e:
	default:
	}
}

// sendProbe has dom0 ask the guest once for each port, 0 being ICMP.
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

// mask is a subnet's mask as four numbers.
func mask(p netip.Prefix) string { return net.IP(net.CIDRMask(p.Bits(), 32)).String() }
