package localec2

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// pingLimit is how long a guest may take to answer a ping: on the network that
// it is on, two seconds mean that it doesn't.
const pingLimit = 2 * time.Second

// pong is the answer to a ping.
type pong struct {
	Seconds float64 `json:"seconds"` // that the guest took to answer
}

// getPing asks the guest at a public address for an ICMP echo, for which this
// machine's own network would answer.
func (s *Server) getPing(w http.ResponseWriter, r *http.Request) {
	text := r.FormValue("address")
	address, err := netip.ParseAddr(text)
	if err != nil {
		http.Error(w, fmt.Sprintf("%q is not an address", text), http.StatusBadRequest)
		return
	}
	domain, status, err := s.pingable(address)
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), pingLimit, fmt.Errorf("it has had %v", pingLimit))
	defer cancel()
	begun := time.Now()
	if err := domain.Ping(ctx); err != nil {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
		return
	}
	writeLook(w, pong{time.Since(begun).Seconds()})
}

// pingable finds the domain of the instance that has a public address, or why
// it can't be pinged, as an HTTP status and an error.
func (s *Server) pingable(address netip.Addr) (*hypervisor.Domain, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.instanceAt(address)
	switch {
	case in == nil:
		return nil, http.StatusNotFound, fmt.Errorf("no instance has the address %v", address)
	case !admitsPing(in.groups):
		return nil, http.StatusForbidden, fmt.Errorf("no security group of %s admits ICMP echo requests from %v", in.id, caller)
	case !s.regions[in.region].isPublic(in.subnet.vpc):
		return nil, http.StatusGatewayTimeout, fmt.Errorf("the network of %s has no route to an internet gateway", in.id)
	case in.machine == nil || in.machine.domain == nil:
		return nil, http.StatusGatewayTimeout, fmt.Errorf("%s has no guest that runs", in.id)
	}
	return in.machine.domain, 0, nil
}

// instanceAt finds the instance that has a public address.
func (s *Server) instanceAt(address netip.Addr) *instance {
	for _, state := range s.regions {
		for _, in := range state.instances {
			if in.public != nil && in.public.Addr == address {
				return in
			}
		}
	}
	return nil
}

// echoRequest is the ICMP type of a ping (RFC 792); its code is 0. In a rule, -1
// stands for all types or codes.
const echoRequest = 8

// admitsPing tells whether a rule of the groups lets a caller's ping in.
func admitsPing(groups []*group) bool {
	for _, g := range groups {
		for _, r := range g.ingress {
			icmp := r.protocol == "icmp" && (r.from == -1 || r.from == echoRequest && r.to <= 0)
			if (icmp || r.protocol == allProtocols) && r.cidr.IsValid() && r.cidr.Contains(caller) {
				return true
			}
		}
	}
	return false
}
