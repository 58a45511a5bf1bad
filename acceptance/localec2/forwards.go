package localec2

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// maxForwards bounds the ports of an instance that are forwarded: each is a
// socket of its QEMU, and systems allow a process 1024 files.
const maxForwards = 512

// caller is where all callers of public addresses come from.
var caller = netip.MustParseAddr("127.0.0.1")

// forwards lists the ports that groups open to callers: those of the narrowest
// rules first, as far as the bound allows. Those of TCP are gated, rule by rule,
// as far as dom0 can watch them.
func forwards(public netip.Addr, groups []*group) []hypervisor.Forward {
	var open []rule
	for _, g := range groups {
		for _, r := range g.ingress {
			open = append(open, r.openPorts()...)
		}
	}
	slices.SortStableFunc(open, func(a, b rule) int { return a.to - a.from - (b.to - b.from) })
	var list []hypervisor.Forward
	seen := map[string]bool{}
	gates := 0
	for _, r := range open {
		gated := r.protocol == "tcp" && gates+r.to-r.from < hypervisor.MaxGated
		for port := max(r.from, 1); port <= r.to && len(list) < maxForwards; port++ {
			f := hypervisor.Forward{Proto: r.protocol, Host: netip.AddrPortFrom(public, uint16(port)), GuestPort: uint16(port), Gated: gated}
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

// openPorts are the ranges of TCP and UDP that a rule opens to callers.
func (r rule) openPorts() []rule {
	if !r.cidr.IsValid() || !r.cidr.Contains(caller) {
		return nil
	}
	switch r.protocol {
	case "tcp", "udp":
		return []rule{r}
	case allProtocols:
		return []rule{{protocol: "tcp", to: 65535}, {protocol: "udp", to: 65535}}
	}
	return nil
}

// bindable leaves out the ports that this machine can't give, and says so:
// one port that is taken, or is for root, shouldn't cost the others.
func (s *Server) bindable(in *instance, list []hypervisor.Forward) []hypervisor.Forward {
	if len(list) == maxForwards {
		s.tell(in, fmt.Sprintf("only the first %d ports that its groups open are forwarded", maxForwards))
	}
	var good []hypervisor.Forward
	for _, f := range list {
		if err := bind(f); err != nil {
			s.tell(in, fmt.Sprintf("%v can't be forwarded: %v", f, err))
			continue
		}
		good = append(good, f)
	}
	return good
}

// opened notes that a gated port was opened, or can't be: somebody else has
// taken it since the instance was started.
func (s *Server) opened(in *instance, f hypervisor.Forward, err error) {
	if err != nil {
		s.tell(in, fmt.Sprintf("%v can't be forwarded: %v", f, err))
		return
	}
	s.log(fmt.Sprintf("%s: listens, and %s %v is open", in.id, f.Proto, f.Host))
}

func bind(f hypervisor.Forward) error {
	if f.Proto == "udp" {
		conn, err := net.ListenPacket("udp4", f.Host.String()) //nolint:noctx // binds a number, and asks nobody
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
		if i == 8 { // enough to see which
			fmt.Fprintf(&b, " and %d more", len(list)-i)
			break
		}
		fmt.Fprintf(&b, " %s %v", f.Proto, f.Host)
	}
	return strings.TrimSpace(b.String())
}
