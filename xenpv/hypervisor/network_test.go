package hypervisor

import (
	"net/netip"
	"testing"
)

func TestNetdev(t *testing.T) {
	forward := []Forward{{Proto: "tcp", Host: netip.MustParseAddrPort("127.0.0.5:8080"), GuestPort: 80}, {Proto: "udp", Host: netip.MustParseAddrPort("127.0.0.5:5353"), GuestPort: 53}}
	for _, test := range []struct {
		address, gateway string
		forwards         []Forward
		want, probe      string
	}{
		{"", "", forward, "user,id=net,net=10.0.2.0/24,host=10.0.2.2,dns=10.0.2.1,dhcpstart=10.0.2.15" +
			",hostfwd=tcp:127.0.0.5:8080-10.0.2.15:80,hostfwd=udp:127.0.0.5:5353-10.0.2.15:53", "10.0.2.3/24"},
		{"10.0.0.2/24", "10.0.0.1", nil, "user,id=net,net=10.0.0.0/24,host=10.0.0.1,dns=10.0.0.3,dhcpstart=10.0.0.2", "10.0.0.4/24"},
		{"10.0.0.1/24", "", nil, "user,id=net,net=10.0.0.0/24,host=10.0.0.2,dns=10.0.0.3,dhcpstart=10.0.0.1", "10.0.0.4/24"},
		{"46.43.42.137/25", "46.43.42.129", nil, "user,id=net,net=46.43.42.128/25,host=46.43.42.129,dns=46.43.42.130,dhcpstart=46.43.42.137", "46.43.42.131/25"},
		{"217.115.14.10/28", "217.115.14.14", nil, "user,id=net,net=217.115.14.0/28,host=217.115.14.14,dns=217.115.14.1,dhcpstart=217.115.14.10", "217.115.14.2/28"},
		{"192.0.2.2/30", "192.0.2.1", nil, "user,id=net,net=192.0.2.0/30,host=192.0.2.1,dns=192.0.2.3,dhcpstart=192.0.2.2", ""},
	} {
		var n Network
		if test.address != "" {
			n.Address = netip.MustParsePrefix(test.address)
		}
		if test.gateway != "" {
			n.Gateway = netip.MustParseAddr(test.gateway)
		}
		n, err := n.complete()
		if err != nil {
			t.Errorf("%s: %v", test.address, err)
			continue
		}
		if got := n.netdev(test.forwards); got != test.want {
			t.Errorf("%s: got %s\nwant %s", test.address, got, test.want)
		}
		if probe, err := n.probe(); (err != nil) != (test.probe == "") || err == nil && probe.String() != test.probe {
			t.Errorf("%s: probe from %v (%v), want %s", test.address, probe, err, test.probe)
		}
	}
}
