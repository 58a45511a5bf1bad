package network

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// reservedFirst is the number of addresses at the start of a subnet that AWS
// reserves: for the network, the router, the name server, and future use. The
// last address is reserved as well (Amazon VPC User Guide, "Subnet CIDR
// blocks").
const reservedFirst = 4

// addressesIn returns the private addresses in use in a subnet.
func (s *Networks) addressesIn(sub *Subnet) []netip.Addr {
	var used []netip.Addr
	for _, i := range s.regions[sub.Zone.Region].interfaces {
		if i.Subnet == sub && i.exists(s.acct.Now()) {
			used = append(used, i.Private)
		}
	}
	return used
}

// isReserved reports whether AWS reserves an address of a subnet.
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

// checkPrivate checks a requested address.
func (s *Networks) checkPrivate(sub *Subnet, text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || !a.Is4():
		return a, api.Bad("InvalidParameterValue", "Value (%s) for parameter privateIpAddress is invalid. Invalid IPv4 address", text)
	case !sub.CIDR.Contains(a):
		return a, api.Bad("InvalidParameterValue", "Address %s does not fall within the subnet's address range", a)
	case isReserved(sub.CIDR, a):
		return a, api.Bad("InvalidParameterValue", "Address %s is in subnet's reserved address range", a)
	case slices.Contains(s.addressesIn(sub), a):
		return a, api.Bad("InvalidIPAddress.InUse", "Address %s is in use.", a)
	}
	return a, nil
}

// freePrivate returns the first free addresses of a subnet; EC2 picks any.
func (s *Networks) freePrivate(sub *Subnet, count int) ([]netip.Addr, error) {
	used := s.addressesIn(sub)
	var free []netip.Addr
	for a := sub.CIDR.Addr(); sub.CIDR.Contains(a) && len(free) < count; a = a.Next() {
		if !isReserved(sub.CIDR, a) && !slices.Contains(used, a) {
			free = append(free, a)
		}
	}
	if len(free) < count {
		return nil, api.Bad("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.", sub.ID)
	}
	return free, nil
}

// holdPort is the UDP port that a server binds on a public address while an
// instance has it, so that two servers on one machine never use the same
// address. It is in the range for private use.
const holdPort = 49279

// firstPublic leaves 127.0.0.1 to the machine's own services.
const firstPublic = 2

// PublicAddress is a loopback address, held so that no other server on this
// machine uses it.
type PublicAddress struct {
	netip.Addr
	hold net.PacketConn
}

// TakePublic returns a public address that is free.
func (s *Networks) TakePublic() (*PublicAddress, error) {
	a := s.addresses.Masked().Addr()
	for range firstPublic {
		a = a.Next()
	}
	for ; s.addresses.Contains(a.Next()); a = a.Next() {
		hold, err := net.ListenPacket("udp4", net.JoinHostPort(a.String(), strconv.Itoa(holdPort))) //nolint:noctx // binds an address, without name lookup
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return &PublicAddress{a, hold}, nil // if its ports can't be bound, the console says so
		}
	}
	return nil, api.Bad("InsufficientAddressCapacity", "Not enough available addresses to satisfy your minimum request: all of %s are taken", s.addresses)
}

// Release releases the address.
func (p *PublicAddress) Release() {
	if p != nil && p.hold != nil {
		_ = p.hold.Close() // nothing was written
	}
}
