package guest

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// maxForwards limits the forwarded ports of an instance: each is a socket of
// its QEMU, and systems allow a process 1024 open files by default.
const maxForwards = 512

// forwards returns the forwards for ports that are open to callers: those of
// the narrowest rules first, up to the limit. TCP ports are gated, a whole rule
// at a time, as far as dom0 can watch them.
func forwards(public netip.Addr, open []Ports) []hypervisor.Forward {
	open = slices.Clone(open)
	slices.SortStableFunc(open, func(a, b Ports) int { return a.To - a.From - (b.To - b.From) })
	var list []hypervisor.Forward
	seen := map[string]bool{}
	gates := 0
	for _, r := range open {
		gated := r.Protocol == "tcp" && gates+r.To-r.From < hypervisor.MaxGated
		for port := max(r.From, 1); port <= r.To && len(list) < maxForwards; port++ {
			f := hypervisor.Forward{Proto: r.Protocol, Host: netip.AddrPortFrom(public, uint16(port)), GuestPort: uint16(port), Gated: gated}
			if seen[f.String()] {
				continue
			}
			seen[f.String()] = true
			list = append(list, f)
			if gated {
				gates++
			}
		}
	}
	return list
}

// bindable leaves out ports that can't be bound on this machine, and says so.
// The other ports are forwarded anyway.
func (g *Guest) bindable(list []hypervisor.Forward) []hypervisor.Forward {
	if len(list) == maxForwards {
		g.tell(fmt.Sprintf("only the first %d ports that its groups open are forwarded", maxForwards))
	}
	var good []hypervisor.Forward
	for _, f := range list {
		if err := bind(f); err != nil {
			g.tell(fmt.Sprintf("%v can't be forwarded: %v", f, err))
			continue
		}
		good = append(good, f)
	}
	return good
}

// opened reports that a gated port was opened or, if another process has taken
// it since the instance was started, that it can't be.
func (g *Guest) opened(f hypervisor.Forward, err error) {
	if err != nil {
		g.tell(fmt.Sprintf("%v can't be forwarded: %v", f, err))
		return
	}
	g.log(fmt.Sprintf("the guest listens; %s %v is open", f.Proto, f.Host))
}

func bind(f hypervisor.Forward) error {
	if f.Proto == "udp" {
		conn, err := net.ListenPacket("udp4", f.Host.String()) //nolint:noctx // binds an address, without name lookup
		if err != nil {
			return err
		}
		return conn.Close()
	}
	listener, err := net.Listen("tcp4", f.Host.String()) //nolint:noctx // as above
	if err != nil {
		return err
	}
	return listener.Close()
}

func forwardList(list []hypervisor.Forward) string {
	if len(list) == 0 {
		return "no ports"
	}
	var b strings.Builder
	for i, f := range list {
		if i == 8 { // enough to recognize them
			fmt.Fprintf(&b, " and %d more", len(list)-i)
			break
		}
		fmt.Fprintf(&b, " %s %v", f.Proto, f.Host)
	}
	return strings.TrimSpace(b.String())
}
