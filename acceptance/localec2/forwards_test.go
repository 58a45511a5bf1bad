package localec2

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForwards(t *testing.T) {
	public := netip.MustParseAddr("127.0.0.9")
	all, elsewhere, around := anywhere, netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("127.0.0.1/32")
	for _, test := range []struct {
		name  string
		rules []rule
		want  string // ports of TCP, then of UDP with a u
	}{
		{"nothing", nil, ""},
		{"a port", []rule{{protocol: "tcp", from: 80, to: 80, cidr: all}}, "80"},
		{"this machine only", []rule{{protocol: "tcp", from: 80, to: 80, cidr: around}}, "80"},
		{"others only", []rule{{protocol: "tcp", from: 80, to: 80, cidr: elsewhere}}, ""},
		{"a group's members only", []rule{{protocol: "tcp", from: 80, to: 80, group: "sg-12345678"}}, ""},
		{"ranges that overlap", []rule{{protocol: "tcp", from: 79, to: 81, cidr: all}, {protocol: "tcp", from: 80, to: 80, cidr: around}}, "80 79 81"},
		{"both protocols", []rule{{protocol: "udp", from: 53, to: 53, cidr: all}, {protocol: "tcp", from: 53, to: 53, cidr: all}}, "u53 53"},
		{"pings", []rule{{protocol: "icmp", from: -1, to: -1, cidr: all}}, ""},
		{"port zero", []rule{{protocol: "tcp", from: 0, to: 1, cidr: all}}, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range forwards(public, []*group{{ingress: test.rules}}) {
				_, port, err := net.SplitHostPort(f.Host.String())
				if err != nil || f.Host.Addr() != public || f.GuestPort != f.Host.Port() {
					t.Errorf("forward %v: %v", f, err)
				}
				if f.Gated != (f.Proto == "tcp") {
					t.Errorf("forward %v: gated %v", f, f.Gated)
				}
				got = append(got, strings.TrimPrefix(f.Proto, "tcp")+port)
			}
			want := strings.ReplaceAll(test.want, "u", "udp")
			if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
		})
	}
	everything := []*group{{ingress: []rule{{protocol: allProtocols, cidr: all}, {protocol: "tcp", from: 8080, to: 8080, cidr: all}}}}
	if list := forwards(public, everything); len(list) != maxForwards || list[0].GuestPort != 8080 {
		t.Errorf("all open: %d ports, first %v", len(list), list[0])
	} else if !list[0].Gated || list[1].Gated {
		t.Errorf("of all open, gated are %v and %v, want the port with a rule of its own", list[0].Gated, list[1].Gated)
	}
}

// TestPublicAddresses has two servers on one machine give their instances
// addresses, and one run out of them.
func TestPublicAddresses(t *testing.T) {
	few := Options{NoInstances: true, PublicAddresses: netip.MustParsePrefix("127.9.8.0/29")}
	a, b := start(t, few), start(t, few)
	seen := map[string]bool{}
	for _, l := range []*lab{a, b} {
		ami := l.register("hello", l.snapshot())
		for range 2 {
			seen[*l.launch(launching(ami)).PublicIpAddress] = true
		}
	}
	if len(seen) != 4 || !seen["127.9.8.2"] || !seen["127.9.8.5"] {
		t.Errorf("four instances are at %v", seen)
	}
	ami := a.register("again", a.snapshot())
	last := a.launch(launching(ami)).InstanceId
	_, err := b.ec2.RunInstances(b.ctx, launching(b.register("again", b.snapshot())))
	wantRefusal(t, err, "InsufficientAddressCapacity 400")
	a.terminate(last)
	a.settle(last, "terminated")
	b.launch(launching(b.register("third", b.snapshot())))
}
