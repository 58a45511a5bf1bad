package instance

import (
	"fmt"
	"net/http"
	"net/netip"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/network"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/guest"
)

// PingError is the reason why an instance can't be pinged, and the HTTP status
// for it.
type PingError struct {
	Status int
	Reason string
}

func (e *PingError) Error() string { return e.Reason }

// Pingable returns the guest of the instance with a public address, in any
// region, or a [PingError].
func (s *Instances) Pingable(address netip.Addr) (*guest.Guest, error) {
	in := s.at(address)
	switch {
	case in == nil:
		return nil, &PingError{http.StatusNotFound, fmt.Sprintf("no instance has the address %v", address)}
	case !network.AdmitPing(in.nic.Groups):
		return nil, &PingError{http.StatusForbidden, fmt.Sprintf("no security group of %s admits ICMP echo requests from %v", in.ID, network.Caller)}
	case !s.networks.Routed(in.region, in.nic):
		return nil, &PingError{http.StatusGatewayTimeout, fmt.Sprintf("the network of %s has no route to an internet gateway", in.ID)}
	case in.guest == nil:
		return nil, &PingError{http.StatusGatewayTimeout, fmt.Sprintf("%s has no running guest", in.ID)}
	}
	return in.guest, nil
}

// at returns the instance with a public address, or nil.
func (s *Instances) at(address netip.Addr) *Instance {
	for _, r := range s.regions {
		for _, in := range r.instances {
			if in.nic.Public != nil && in.nic.Public.Addr == address {
				return in
			}
		}
	}
	return nil
}
