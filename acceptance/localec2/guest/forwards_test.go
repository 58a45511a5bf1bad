package guest

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForwards(t *testing.T) {
	public := netip.MustParseAddr("127.0.0.9")
	for _, test := range []struct {
		name string
		open []Ports
		want string // ports of TCP, then of UDP with a u
	}{
		{"nothing", nil, ""},
		{"a port", []Ports{{"tcp", 80, 80}}, "80"},
		{"ranges that overlap", []Ports{{"tcp", 79, 81}, {"tcp", 80, 80}}, "80 79 81"},
		{"both protocols", []Ports{{"udp", 53, 53}, {"tcp", 53, 53}}, "u53 53"},
		{"port zero", []Ports{{"tcp", 0, 1}}, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range forwards(public, test.open) {
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
	everything := []Ports{{"tcp", 0, 65535}, {"udp", 0, 65535}, {"tcp", 8080, 8080}}
	if list := forwards(public, everything); len(list) != maxForwards || list[0].GuestPort != 8080 {
		t.Errorf("all open: %d ports, first %v", len(list), list[0])
	} else if !list[0].Gated || list[1].Gated {
		t.Errorf("of all open, gated are %v and %v, want the port with a rule of its own", list[0].Gated, list[1].Gated)
	}
}
