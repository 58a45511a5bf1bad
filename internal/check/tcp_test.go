package check

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

func TestTCP(t *testing.T) {
	tests := map[string]struct {
		handle  func(*net.TCPConn)
		timeout time.Duration
		want    string
	}{
		"stays open":    {handle: untilGone},
		"receives data": {handle: func(c *net.TCPConn) { c.Write([]byte("220 ready\r\n")) }},
		"is closed":     {handle: func(*net.TCPConn) {}, want: "connection closed immediately"},
		"short timeout": {handle: untilGone, timeout: 190 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			timeout := cmp.Or(test.timeout, 10*time.Second)
			expect(t, probe(t, TCP{serve(t, test.handle)}, here("127.0.0.1"), timeout), test.want)
		})
	}
	t.Run("refused", func(t *testing.T) {
		expect(t, probe(t, TCP{closedPort}, here("127.0.0.1"), 10*time.Second), "connection refused")
	})
	t.Run("is reset", func(t *testing.T) {
		hangUp := make(chan struct{})
		port := serve(t, func(c *net.TCPConn) { reset(c); <-hangUp })
		conn, err := here("127.0.0.1").dial(t.Context(), "tcp", port)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		close(hangUp)
		expect(t, fmt.Sprint(staysOpen(t.Context(), conn)), "connection closed immediately")
	})
	t.Run("is interrupted", func(t *testing.T) {
		conn, err := here("127.0.0.1").dial(t.Context(), "tcp", serve(t, untilGone))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errInterrupted)
		expect(t, fmt.Sprint(staysOpen(ctx, conn)), "interrupted")
	})
	t.Run("no such host", func(t *testing.T) {
		got := probe(t, TCP{80}, here("no-host.invalid"), 10*time.Second)
		if !strings.HasPrefix(got, `look up "no-host.invalid": `) {
			t.Errorf("got %s", got)
		}
	})
}

// A connection that another machine accepts counts even if it is closed
// immediately: no forwarder is involved.
func TestTCPNotLoopback(t *testing.T) {
	address := ownAddress(t)
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			conn.Close()
		}
	}()
	expect(t, probe(t, TCP{portOf(listener.Addr())}, here(address), 10*time.Second), "")
}

// ownAddress is an address of this machine that isn't a loopback address.
func ownAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
			return network.IP.String()
		}
	}
	t.Skip("this machine has only loopback addresses")
	return ""
}
