package localec2

import (
	"net/netip"
	"testing"
)

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
