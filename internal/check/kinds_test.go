package check

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// short is a probe's time where silence is expected. Nothing waits for it
// elsewhere.
const short = 300 * time.Millisecond

// probe makes one probe as a Run does, and returns what was seen, "" for a pass.
func probe(t *testing.T, c Check, target Target, timeout time.Duration) string {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), timeout, noAnswer(timeout))
	defer cancel()
	start := time.Now()
	err := c.Probe(ctx, target)
	if took := time.Since(start); took > timeout+2*time.Second {
		t.Errorf("the probe took %s, and had %s", took, timeout)
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("saw  %s\nwant %s", got, want)
	}
}

// here is the target whose ports are those of a host.
func here(host string) Target { return Target{Host: host} }

// serve accepts connections on 127.0.0.1, and returns the port. Each is closed
// when its handler returns, and all of them when the test ends.
func serve(t *testing.T, handle func(*net.TCPConn)) uint16 {
	t.Helper()
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			go func() {
				stop := context.AfterFunc(t.Context(), func() { conn.Close() })
				defer stop()
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return portOf(listener.Addr())
}

func portOf(address net.Addr) uint16 {
	switch a := address.(type) {
	case *net.TCPAddr:
		return uint16(a.Port)
	case *net.UDPAddr:
		return uint16(a.Port)
	}
	panic("no port in " + address.String())
}

// closedPort is one on which nobody listens (tcpmux, RFC 1078).
const closedPort = 1

func reset(conn *net.TCPConn) { conn.SetLinger(0) } // closing then sends RST

// untilGone reads until the peer closes.
func untilGone(conn *net.TCPConn) {
	buffer := make([]byte, 1<<10)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

func TestTarget(t *testing.T) {
	port := serve(t, untilGone)
	forwarded := func(network string, guestPort uint16) (string, error) {
		if network != "tcp" || guestPort != 22 {
			return "", errors.New("not forwarded")
		}
		return net.JoinHostPort("127.0.0.1", itoa(port)), nil
	}
	tests := map[string]struct {
		check  Check
		target Target
		want   string
	}{
		"another endpoint":  {TCP{22}, Target{Endpoint: forwarded}, ""},
		"no endpoint":       {TCP{23}, Target{Endpoint: forwarded}, "find tcp port 23 of the guest: not forwarded"},
		"none for http":     {HTTP{Port: 80}, Target{Endpoint: forwarded}, "find tcp port 80 of the guest: not forwarded"},
		"none for udp":      {UDP{Port: 22, Send: "x"}, Target{Endpoint: forwarded}, "find udp port 22 of the guest: not forwarded"},
		"connects":          {TCP{22}, Target{Connect: wants(t, 22, nil)}, ""},
		"does not connect":  {TCP{22}, Target{Connect: wants(t, 22, errors.New("refused"))}, "refused"},
		"connects in vain":  {TCP{22}, Target{Connect: func(ctx context.Context, _ uint16) error { return untilDone(ctx) }}, "no answer within 300ms"},
		"pings":             {ICMP{}, Target{Ping: func(context.Context) error { return nil }}, ""},
		"pings in vain":     {ICMP{}, Target{Ping: untilDone}, "no answer within 300ms"},
		"can't ping":        {ICMP{}, Target{Ping: func(context.Context) error { return errors.New("no way") }}, "no way"},
		"pings itself":      {ICMP{}, here("127.3.2.1"), "127.3.2.1 is this machine, whose own kernel would answer in the guest's place"},
		"pings itself IPv6": {ICMP{}, here("::1"), "::1 is this machine, whose own kernel would answer in the guest's place"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { expect(t, probe(t, test.check, test.target, short), test.want) })
	}
}

func wants(t *testing.T, port uint16, answer error) func(context.Context, uint16) error {
	t.Helper()
	return func(_ context.Context, got uint16) error {
		if got != port {
			t.Errorf("was asked for port %d, not %d", got, port)
		}
		return answer
	}
}

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestMain makes the test certificate of net/http/httptest one of the system's
// roots, which crypto/x509 reads once.
func TestMain(m *testing.M) {
	file, err := trustTestCertificate()
	if err != nil {
		panic(err)
	}
	code := m.Run()
	os.Remove(file)
	os.Exit(code)
}
