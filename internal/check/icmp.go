package check

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// ICMP requests an echo, as ping(8) does: on an unprivileged socket if the system
// allows it, otherwise on a raw socket, which needs root.
type ICMP struct{}

// Kind is "icmp".
func (ICMP) Kind() string { return "icmp" }

// Ingress returns ICMP, which has no ports.
func (ICMP) Ingress() (protocol string, port uint16) { return "icmp", 0 }

// Describe returns a short description.
func (ICMP) Describe() string { return "ICMP echo" }

// Validate returns nil: there are no settings.
func (ICMP) Validate() error { return nil }

// CanPing returns an error, with the remedy, if this user may not send ICMP
// echoes over IPv4 from this machine. Call it before launching an instance that
// costs money. A Target with its own Ping doesn't need it.
func CanPing() error {
	socket, err := openPinger(netip.IPv4Unspecified())
	if err != nil {
		return err
	}
	return socket.Close()
}

// Probe requests an echo, and repeats the request every second until there is a
// reply.
func (ICMP) Probe(ctx context.Context, target Target) (string, error) {
	return "echo reply", pingTarget(ctx, target)
}

func pingTarget(ctx context.Context, target Target) error {
	if target.Ping != nil {
		return orCause(ctx, target.Ping(ctx))
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", target.Host)
	if err != nil {
		return networkError(ctx, err)
	}
	address := addresses[0].Unmap()
	if address.IsLoopback() {
		return Impossible{fmt.Errorf("%s is this machine: its own kernel would reply instead of the guest", target.Host)}
	}
	return ping(ctx, address)
}

func ping(ctx context.Context, address netip.Addr) error {
	socket, err := openPinger(address)
	if err != nil {
		return Impossible{err}
	}
	defer socket.Close()
	request := icmp.Message{Type: socket.request, Body: &icmp.Echo{ID: int(binary.BigEndian.Uint16(socket.token)), Seq: 1, Data: socket.token}}
	datagram, err := request.Marshal(nil)
	if err != nil {
		return err
	}
	_, err = exchange(ctx, socket, datagram)
	return err
}

// A pinger is an ICMP socket that reads only the replies to its own requests. It
// identifies them by their data: a raw socket receives the replies to all
// processes, and on an unprivileged one the kernel sets the ID.
type pinger struct {
	*icmp.PacketConn
	peer           net.Addr
	protocol       int // of IP
	request, reply icmp.Type
	token          []byte
}

// Protocol numbers of IP (IANA).
const (
	protocolICMP   = 1
	protocolICMPv6 = 58
)

func openPinger(address netip.Addr) (*pinger, error) {
	p := &pinger{protocol: protocolICMP, request: ipv4.ICMPTypeEcho, reply: ipv4.ICMPTypeEchoReply, token: make([]byte, 16)}
	datagram, raw, local := "udp4", "ip4:icmp", "0.0.0.0"
	if address.Is6() {
		p.protocol, p.request, p.reply = protocolICMPv6, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
		datagram, raw, local = "udp6", "ip6:ipv6-icmp", "::"
	}
	if _, err := rand.Read(p.token); err != nil {
		return nil, err
	}
	var err error
	p.peer = &net.UDPAddr{IP: address.AsSlice(), Zone: address.Zone()}
	if p.PacketConn, err = icmp.ListenPacket(datagram, local); err == nil {
		return p, nil
	}
	p.peer = &net.IPAddr{IP: address.AsSlice(), Zone: address.Zone()}
	if p.PacketConn, err = icmp.ListenPacket(raw, local); err == nil {
		return p, nil
	}
	return nil, fmt.Errorf("this user may not ping from this machine (%w): run as root, "+
		"or allow ping for all groups: sysctl -w net.ipv4.ping_group_range='0 2147483647'", innermost(err))
}

// Write sends a datagram to the peer.
func (p *pinger) Write(datagram []byte) (int, error) { return p.WriteTo(datagram, p.peer) }

// Read waits for the reply to a request of this socket.
func (p *pinger) Read(buffer []byte) (int, error) {
	for {
		n, _, err := p.ReadFrom(buffer)
		if err != nil || p.owns(buffer[:n]) {
			return n, err
		}
	}
}

func (p *pinger) owns(datagram []byte) bool {
	message, err := icmp.ParseMessage(p.protocol, datagram)
	if err != nil || message.Type != p.reply {
		return false
	}
	echo, ok := message.Body.(*icmp.Echo)
	return ok && bytes.Equal(echo.Data, p.token)
}
