package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// UDP sends a datagram to a port of the guest and waits for a response. The
// datagram may be empty: some services (RFC 867, daytime) respond to that.
type UDP struct {
	Port   uint16
	Send   string // at most 1400 bytes
	Expect string // a part of the response; "" accepts any
}

// maxSend is the largest datagram that fits in one packet on every path, including
// tunnels: few unikernels reassemble fragments.
const maxSend = 1400

// maxDatagram is larger than any UDP datagram (65507 bytes over IPv4, RFC 768 and
// RFC 791).
const maxDatagram = 1 << 16

// Kind is "udp".
func (UDP) Kind() string { return "udp" }

// Ingress returns the UDP port.
func (c UDP) Ingress() (protocol string, port uint16) { return "udp", c.Port }

// Describe returns a short description.
func (c UDP) Describe() string {
	about := fmt.Sprintf("send %d bytes to UDP port %d", len(c.Send), c.Port)
	if c.Expect != "" {
		about += ", expect " + excerpt(c.Expect)
	}
	return about
}

// Validate returns all errors in the settings.
func (c UDP) Validate() error {
	var f faults
	f.port(c.Port)
	if len(c.Send) > maxSend {
		f.add("send has %d bytes: must be at most %d, to fit in one packet", len(c.Send), maxSend)
	}
	if len(c.Expect) > maxDatagram {
		f.add("expect has %d bytes: must be at most %d, the size of a datagram", len(c.Expect), maxDatagram)
	}
	if c.Send == "" && c.Expect == "" {
		f.add("send and expect are both empty: set at least one of them")
	}
	return f.err()
}

// Probe sends the datagram, and repeats it every second until there is a response.
func (c UDP) Probe(ctx context.Context, target Target) (string, error) {
	conn, err := target.dial(ctx, "udp", c.Port)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	response, err := exchange(ctx, conn, []byte(c.Send))
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(response), c.Expect) {
		return "", fmt.Errorf("response does not contain %s: %s", excerpt(c.Expect), excerpt(response))
	}
	return fmt.Sprintf("response of %s: %s", bytesText(len(response)), excerpt(response)), nil
}

// resendAfter is how long to wait before repeating a request, the same as for
// ping(8) and the kernel's first retransmissions of a TCP SYN. A guest that starts
// to listen in the middle of a probe is then noticed within a second.
const resendAfter = time.Second

// A datagramConn is a connected UDP socket, or behaves like one.
type datagramConn interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	SetReadDeadline(time.Time) error
	Close() error
}

var _ datagramConn = (*net.UDPConn)(nil)

// exchange sends a request, repeats it after each second of silence, and returns
// the first response. Its errors are worded for reports. It may close conn.
func exchange(ctx context.Context, conn datagramConn, request []byte) ([]byte, error) {
	defer closeWith(ctx, conn)()
	response := make([]byte, maxDatagram)
	for {
		if _, err := conn.Write(request); err != nil {
			return nil, networkError(ctx, err) // an ICMP port unreachable may surface at the next write
		}
		if err := conn.SetReadDeadline(time.Now().Add(resendAfter)); err != nil {
			return nil, networkError(ctx, err)
		}
		n, err := conn.Read(response)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		return response[:n], networkError(ctx, err)
	}
}
