package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// TCP checks that the guest accepts connections on a port. It sends nothing.
//
// A connection to an address of this machine is accepted by a forwarder (QEMU's,
// an SSH tunnel), possibly before the guest is ready. Forwarders close it if the
// guest refuses, so such a connection must stay open for 200 ms or receive data.
type TCP struct{ Port uint16 }

// Kind is "tcp".
func (TCP) Kind() string { return "tcp" }

// Ingress returns the TCP port.
func (c TCP) Ingress() (protocol string, port uint16) { return "tcp", c.Port }

// Describe returns a short description.
func (c TCP) Describe() string { return fmt.Sprintf("connect to TCP port %d", c.Port) }

// Validate rejects port 0.
func (c TCP) Validate() error {
	var f faults
	f.port(c.Port)
	return f.err()
}

// Probe opens a connection and closes it.
func (c TCP) Probe(ctx context.Context, target Target) (string, error) {
	return "connection accepted", c.connect(ctx, target)
}

func (c TCP) connect(ctx context.Context, target Target) error {
	if target.Connect != nil {
		return orCause(ctx, target.Connect(ctx, c.Port))
	}
	conn, err := target.dial(ctx, "tcp", c.Port)
	if err != nil {
		return err
	}
	defer conn.Close()
	if peer, ok := conn.RemoteAddr().(*net.TCPAddr); ok && peer.IP.IsLoopback() {
		return staysOpen(ctx, conn)
	}
	return nil
}

// forwarderTime is how long a forwarder on this machine may take to learn that
// the guest refuses. A round trip to an emulated guest takes a few milliseconds.
const forwarderTime = 200 * time.Millisecond

func staysOpen(ctx context.Context, conn net.Conn) error {
	defer closeWith(ctx, conn)()
	window := forwarderTime
	if deadline, ok := ctx.Deadline(); ok {
		window = min(window, time.Until(deadline)/2) // a connection that stays open must not time out
	}
	err := conn.SetReadDeadline(time.Now().Add(window))
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return errors.New("connection closed immediately")
}

// closeWith closes conn when ctx is done, so that no read outlives ctx. The
// returned function cancels that.
func closeWith(ctx context.Context, conn interface{ Close() error }) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.Close() })
}

// dial connects to a port of the guest. Its errors are worded for reports.
func (t Target) dial(ctx context.Context, network string, port uint16) (net.Conn, error) {
	endpoint, err := t.endpoint(network, port)
	if err != nil {
		return nil, err
	}
	return dial(ctx, network, endpoint)
}

func dial(ctx context.Context, network, endpoint string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, endpoint)
	if err != nil {
		return nil, networkError(ctx, err)
	}
	return conn, nil
}

func (t Target) endpoint(network string, port uint16) (string, error) {
	if t.Endpoint == nil {
		return net.JoinHostPort(t.Host, strconv.Itoa(int(port))), nil
	}
	endpoint, err := t.Endpoint(network, port)
	if err != nil {
		return "", fmt.Errorf("find %s port %d of the guest: %w", network, port, err)
	}
	return endpoint, nil
}
