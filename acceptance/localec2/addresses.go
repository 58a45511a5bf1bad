package localec2

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
)

// reservedFirst is how many of a subnet's first addresses are AWS's own: its
// network, the router, the name server, and one for the future. The last is
// reserved, too (Amazon VPC User Guide, "Subnet CIDR blocks").
const reservedFirst = 4

// addressesIn lists the private addresses that instances have in a subnet.
func (s *Server) addressesIn(sub *subnet) []netip.Addr {
	var used []netip.Addr
	for _, in := range s.regions[sub.zone.Region].instances {
		if in.subnet == sub && in.state(s.opts.Now()) != terminated {
			used = append(used, in.private)
		}
	}
	return used
}

// isReserved tells whether an address of a subnet is AWS's own.
func isReserved(cidr netip.Prefix, a netip.Addr) bool {
	first := cidr.Masked().Addr()
	for range reservedFirst {
		if a == first {
			return true
		}
		first = first.Next()
	}
	return !cidr.Contains(a.Next())
}

// checkPrivate checks an address that a caller asks for.
func (s *Server) checkPrivate(sub *subnet, text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || !a.Is4():
		return a, bad("InvalidParameterValue", "Value (%s) for parameter privateIpAddress is invalid. Invalid IPv4 address", text)
	case !sub.cidr.Contains(a):
		return a, bad("InvalidParameterValue", "Address %s does not fall within the subnet's address range", a)
	case isReserved(sub.cidr, a):
		return a, bad("InvalidParameterValue", "Address %s is in subnet's reserved address range", a)
	case slices.Contains(s.addressesIn(sub), a):
		return a, bad("InvalidIPAddress.InUse", "Address %s is in use.", a)
	}
	return a, nil
}

// freePrivate returns a subnet's first free addresses, where EC2 takes any.
func (s *Server) freePrivate(sub *subnet, count int) ([]netip.Addr, error) {
	used := s.addressesIn(sub)
	var free []netip.Addr
	for a := sub.cidr.Addr(); sub.cidr.Contains(a) && len(free) < count; a = a.Next() {
		if !isReserved(sub.cidr, a) && !slices.Contains(used, a) {
			free = append(free, a)
		}
	}
	if len(free) < count {
		return nil, bad("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.", sub.id)
	}
	return free, nil
}

// holdPort is the UDP port that a server binds on a public address while it
// has given it to an instance, so that two servers on one machine never give
// the same. It is one of the range that is free for private use.
const holdPort = 49279

// firstPublic leaves 127.0.0.1 to the machine's own services.
const firstPublic = 2

// takePublic takes a public address that no other instance has.
func (s *Server) takePublic() (*publicAddress, error) {
	a := s.opts.PublicAddresses.Masked().Addr()
	for range firstPublic {
		a = a.Next()
	}
	for ; s.opts.PublicAddresses.Contains(a.Next()); a = a.Next() {
		hold, err := net.ListenPacket("udp4", net.JoinHostPort(a.String(), strconv.Itoa(holdPort))) //nolint:noctx // binds a number, and asks nobody
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return &publicAddress{a, hold}, nil // an address that can't be bound is told of when the instance starts
		}
	}
	return nil, bad("InsufficientAddressCapacity", "Not enough available addresses to satisfy your minimum request: all of %s are taken", s.opts.PublicAddresses)
}

// release gives the address back.
func (p *publicAddress) release() {
	if p != nil && p.hold != nil {
		_ = p.hold.Close() // nothing was sent
	}
}
