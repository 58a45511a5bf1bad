package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Network is the guest's network segment. QEMU is the gateway, DNS and DHCP
// server there, and connects the guest to the host's networks.
type Network struct {
	// Address is the guest's address with its subnet, such as 10.0.0.2/24, as
	// compiled into the image. DHCP offers the same address. The default is
	// 10.0.2.15/24.
	Address netip.Prefix
	// Gateway is QEMU's own address in that subnet. The default is the first
	// address that isn't the guest's.
	Gateway netip.Addr
}

// Forward makes a port of the guest reachable on the host.
type Forward struct {
	Proto     string         // "tcp" or "udp"
	Host      netip.AddrPort // IPv4, such as any address of the loopback range
	GuestPort uint16
	// Gated opens the TCP port on the host when the guest accepts connections
	// on it, which dom0 notices within 0.1 s or so, and closes it when the guest
	// ends. Before and after, connections are refused. Without it, QEMU always
	// accepts connections, whether the guest does or not. At most [MaxGated]
	// ports of the guest can be gated.
	Gated bool
}

func (f Forward) String() string {
	return fmt.Sprintf("%s %s to port %d", f.Proto, f.Host, f.GuestPort)
}

var (
	defaultAddress = netip.MustParsePrefix("10.0.2.15/24")
	defaultGateway = netip.MustParseAddr("10.0.2.2")
)

// complete fills in defaults, and rejects invalid addresses.
func (n Network) complete() (Network, error) {
	if n == (Network{}) {
		return Network{defaultAddress, defaultGateway}, nil
	}
	if !n.Address.IsValid() || !n.Address.Addr().Is4() || n.Address.Bits() < 8 || n.Address.Bits() > 30 {
		return n, fmt.Errorf("guest address %v is not an IPv4 address with a subnet of 8 to 30 bits, such as 10.0.0.2/24", n.Address)
	}
	if !n.Gateway.IsValid() {
		n.Gateway = n.free(n.Address.Addr())
	}
	switch {
	case !n.isHost(n.Address.Addr()):
		return n, fmt.Errorf("guest address %v is its subnet's network or broadcast address: specify another", n.Address)
	case n.Gateway == n.Address.Addr():
		return n, fmt.Errorf("gateway %v is the guest's own address: specify another in %v", n.Gateway, n.Address.Masked())
	case !n.isHost(n.Gateway):
		return n, fmt.Errorf("gateway %v is not a host address in the guest's subnet %v", n.Gateway, n.Address.Masked())
	}
	return n, nil
}

// isHost reports whether a host may have the address in the subnet.
func (n Network) isHost(a netip.Addr) bool {
	return n.Address.Contains(a) && a != n.Address.Masked().Addr() && a != n.broadcast()
}

func (n Network) broadcast() netip.Addr {
	b := n.Address.Masked().Addr().As4()
	for bit := n.Address.Bits(); bit < 32; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(b)
}

// free returns the subnet's first host address that isn't taken, or the zero
// address if all are taken.
func (n Network) free(taken ...netip.Addr) netip.Addr {
	for a := n.Address.Masked().Addr().Next(); n.isHost(a); a = a.Next() {
		if !slices.Contains(taken, a) {
			return a
		}
	}
	return netip.Addr{}
}

// dns returns the address of QEMU's name server. It must differ from the
// gateway's, and is the broadcast address if the subnet has no other left.
func (n Network) dns() netip.Addr {
	if a := n.free(n.Address.Addr(), n.Gateway); a.IsValid() {
		return a
	}
	return n.broadcast()
}

// probe returns the address from which dom0 probes the guest.
func (n Network) probe() (netip.Prefix, error) {
	a := n.free(n.Address.Addr(), n.Gateway, n.dns())
	if !a.IsValid() {
		return netip.Prefix{}, fmt.Errorf("subnet %v has no address left to probe the guest from", n.Address.Masked())
	}
	return netip.PrefixFrom(a, n.Address.Bits()), nil
}

// netdev returns QEMU's option for the network and its forwarded ports.
func (n Network) netdev(forwards []Forward) string {
	var b strings.Builder
	fmt.Fprintf(&b, "user,id=net,net=%v,host=%v,dns=%v,dhcpstart=%v", n.Address.Masked(), n.Gateway, n.dns(), n.Address.Addr())
	for _, f := range forwards {
		if !f.Gated {
			b.WriteString(",hostfwd=" + f.rule(n))
		}
	}
	return b.String()
}

// rule returns the forward in QEMU's syntax.
func (f Forward) rule(n Network) string {
	return fmt.Sprintf("%s:%v-%v:%d", f.Proto, f.Host, n.Address.Addr(), f.GuestPort)
}

// FreePort finds an unused port of 127.0.0.1, for "tcp" or "udp": the host's end
// of a [Forward].
func FreePort(ctx context.Context, proto string) (netip.AddrPort, error) {
	const free = "127.0.0.1:0"
	var config net.ListenConfig
	var address net.Addr
	if proto == "udp" {
		conn, err := config.ListenPacket(ctx, "udp4", free)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("find a free port: %w", err)
		}
		defer conn.Close()
		address = conn.LocalAddr()
	} else {
		listener, err := config.Listen(ctx, "tcp4", free)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()
		address = listener.Addr()
	}
	return netip.ParseAddrPort(address.String())
}

// check rejects forwards that QEMU can't set up, most often ports in use.
func (f Forward) check() error {
	if !f.Host.Addr().Is4() || f.GuestPort == 0 || f.Host.Port() == 0 {
		return fmt.Errorf("forward %v: an IPv4 address and port of this host and a port of the guest are required", f)
	}
	var listener interface{ Close() error }
	var err error
	switch f.Proto {
	case "tcp":
		listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp4", f.Host.String())
	case "udp":
		listener, err = new(net.ListenConfig).ListenPacket(context.Background(), "udp4", f.Host.String())
	default:
		return fmt.Errorf("forward %v: the protocol must be tcp or udp", f)
	}
	if err != nil {
		return fmt.Errorf("forward %v: %w", f, errors.Unwrap(err))
	}
	return listener.Close()
}
