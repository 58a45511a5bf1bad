package network

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var elsewhere = netip.MustParsePrefix("203.0.113.0/24")

func TestOpenPorts(t *testing.T) {
	for _, test := range []struct {
		name string
		rule rule
		want []Ports
	}{
		{"a port", rule{protocol: "tcp", from: 80, to: 80, cidr: anywhere}, []Ports{{"tcp", 80, 80}}},
		{"this machine only", rule{protocol: "udp", from: 53, to: 54, cidr: netip.PrefixFrom(Caller, 32)}, []Ports{{"udp", 53, 54}}},
		{"others only", rule{protocol: "tcp", from: 80, to: 80, cidr: elsewhere}, nil},
		{"a group's members only", rule{protocol: "tcp", from: 80, to: 80, group: "sg-12345678"}, nil},
		{"pings", rule{protocol: "icmp", from: -1, to: -1, cidr: anywhere}, nil},
		{"everything", rule{protocol: allProtocols, cidr: anywhere}, []Ports{{"tcp", 0, 65535}, {"udp", 0, 65535}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := OpenPorts([]*Group{{}, {ingress: []rule{test.rule}}})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAdmitPing(t *testing.T) {
	all, caller := anywhere, netip.PrefixFrom(Caller, 32)
	for _, test := range []struct {
		rule rule
		want bool
	}{
		{rule{protocol: "icmp", from: -1, to: -1, cidr: all}, true},
		{rule{protocol: "icmp", from: 8, to: -1, cidr: all}, true},
		{rule{protocol: "icmp", from: 8, to: 0, cidr: caller}, true},
		{rule{protocol: allProtocols, cidr: all}, true},
		{rule{protocol: "icmp", from: 8, to: 1, cidr: all}, false},
		{rule{protocol: "icmp", from: 3, to: -1, cidr: all}, false},
		{rule{protocol: "icmp", from: -1, to: -1, cidr: elsewhere}, false},
		{rule{protocol: "icmp", from: -1, to: -1, group: "sg-12345678"}, false},
		{rule{protocol: "tcp", from: 0, to: 65535, cidr: all}, false},
	} {
		if got := AdmitPing([]*Group{{}, {ingress: []rule{test.rule}}}); got != test.want {
			t.Errorf("%+v: %v", test.rule, got)
		}
	}
}
