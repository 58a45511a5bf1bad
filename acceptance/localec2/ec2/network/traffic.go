package network

import (
	"net/netip"
)

// Caller is the address that all callers of public addresses come from.
var Caller = netip.MustParseAddr("127.0.0.1")

// Ports is a range of ports that are open to callers.
type Ports struct {
	Protocol string // "tcp" or "udp"
	From, To int
}

// OpenPorts returns the ranges of TCP and UDP ports that the rules of groups
// open to callers.
func OpenPorts(groups []*Group) []Ports {
	var open []Ports
	for _, g := range groups {
		for _, r := range g.ingress {
			open = append(open, r.openPorts()...)
		}
	}
	return open
}

func (r rule) openPorts() []Ports {
	if !r.admitsCaller() {
		return nil
	}
	switch r.protocol {
	case "tcp", "udp":
		return []Ports{{r.protocol, r.from, r.to}}
	case allProtocols:
		return []Ports{{"tcp", 0, 65535}, {"udp", 0, 65535}}
	}
	return nil
}

func (r rule) admitsCaller() bool { return r.cidr.IsValid() && r.cidr.Contains(Caller) }

// echoRequest is the ICMP type of a ping (RFC 792); its code is 0. In a rule,
// -1 means all types or codes.
const echoRequest = 8

// AdmitPing reports whether a rule of the groups allows a ping from callers.
func AdmitPing(groups []*Group) bool {
	for _, g := range groups {
		for _, r := range g.ingress {
			icmp := r.protocol == "icmp" && (r.from == -1 || r.from == echoRequest && r.to <= 0)
			if (icmp || r.protocol == allProtocols) && r.admitsCaller() {
				return true
			}
		}
	}
	return false
}
