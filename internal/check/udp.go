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

// UDP sends a datagram to a port of the guest and waits for one back. What is
// sent may be empty: some services (RFC 867, daytime) answer to that.
type UDP struct {
	Port   uint16
	Send   string // at most 1400 bytes
	Expect string // a part of the answer; "" any answer
}

// maxSend is the largest datagram that gets through every path in one packet,
// tunnels included: unikernels seldom reassemble fragments.
const maxSend = 1400

// maxDatagram is more than any UDP datagram over IP carries (65507 over IPv4,
// RFC 768 and RFC 791).
const maxDatagram = 1 << 16

// Kind is "udp".
func (UDP) Kind() string { return "udp" }

// Describe says what is asked.
func (c UDP) Describe() string {
	about := fmt.Sprintf("send %d bytes to UDP port %d", len(c.Send), c.Port)
	if c.Expect != "" {
		about += ", get " + excerpt(c.Expect)
	}
	return about
}

// Validate returns everything that is wrong with the settings.
func (c UDP) Validate() error {
	var f faults
	f.port(c.Port)
	if len(c.Send) > maxSend {
		f.add("send has %d bytes, and at most %d get through every network in one packet: make it %d shorter", len(c.Send), maxSend, len(c.Send)-maxSend)
	}
	if len(c.Expect) > maxDatagram {
		f.add("expect has %d bytes, more than any answer can have: give a part of the answer", len(c.Expect))
	}
	if c.Send == "" && c.Expect == "" {
		f.add("send and expect are both empty: say what the guest is to be sent, or what its answer must have")
	}
	return f.err()
}

// Probe sends the datagram, again each second, until there is an answer.
func (c UDP) Probe(ctx context.Context, target Target) error {
	conn, err := target.dial(ctx, "udp", c.Port)
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := exchange(ctx, conn, []byte(c.Send))
	if err != nil {
		return err
	}
	if !strings.Contains(string(answer), c.Expect) {
		return fmt.Errorf("answer has no %s: %s", excerpt(c.Expect), excerpt(answer))
	}
	return nil
}

// resendAfter is when silence is taken for loss, as ping(8) and the kernel's
// first repetitions of a TCP SYN have it: a guest that begins to listen in the
// middle of a probe is then seen within a second.
const resendAfter = time.Second

// A datagramConn is a connected UDP socket, or what looks like one.
type datagramConn interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	SetReadDeadline(time.Time) error
	Close() error
}

var _ datagramConn = (*net.UDPConn)(nil)

// exchange sends a request, and again after each second of silence, and returns
// the first answer. Its errors are fit to be shown. It may close conn.
func exchange(ctx context.Context, conn datagramConn, request []byte) ([]byte, error) {
	defer closeWith(ctx, conn)()
	answer := make([]byte, maxDatagram)
	for {
		if _, err := conn.Write(request); err != nil {
			return nil, seen(ctx, err) // that nobody listens, too, may come with the next write
		}
		if err := conn.SetReadDeadline(time.Now().Add(resendAfter)); err != nil {
			return nil, seen(ctx, err)
		}
		n, err := conn.Read(answer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		return answer[:n], seen(ctx, err)
	}
}
