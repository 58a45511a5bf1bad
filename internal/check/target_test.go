package check

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// short is a probe's timeout if silence is expected.
const short = 300 * time.Millisecond

// probe makes one probe as a Run does, and returns its error, or "" if it passed.
func probe(t *testing.T, c Check, target Target, timeout time.Duration) string {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), timeout, noResponse(timeout))
	defer cancel()
	start := time.Now()
	evidence, err := c.Probe(ctx, target)
	if took := time.Since(start); took > timeout+2*time.Second {
		t.Errorf("the probe took %s, want at most %s", took, timeout)
	}
	if err == nil {
		if evidence == "" {
			t.Errorf("%s passed without evidence", c.Describe())
		}
		return ""
	}
	return err.Error()
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// here is a target on the given host, without forwarding.
func here(host string) Target { return Target{Host: host} }

// serve accepts connections on 127.0.0.1 and returns the port. A connection is
// closed when its handler returns or the test ends.
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

// closedPort is a port on which nothing listens (tcpmux, RFC 1078).
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
		"connect is silent": {TCP{22}, Target{Connect: func(ctx context.Context, _ uint16) error { return untilDone(ctx) }}, "no response within 300ms"},
		"pings":             {ICMP{}, Target{Ping: func(context.Context) error { return nil }}, ""},
		"ping is silent":    {ICMP{}, Target{Ping: untilDone}, "no response within 300ms"},
		"can't ping":        {ICMP{}, Target{Ping: func(context.Context) error { return errors.New("no way") }}, "no way"},
		"pings itself":      {ICMP{}, here("127.3.2.1"), "127.3.2.1 is this machine: its own kernel would reply instead of the guest"},
		"pings itself IPv6": {ICMP{}, here("::1"), "::1 is this machine: its own kernel would reply instead of the guest"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { expect(t, probe(t, test.check, test.target, short), test.want) })
	}
}

func wants(t *testing.T, port uint16, answer error) func(context.Context, uint16) error {
	t.Helper()
	return func(_ context.Context, got uint16) error {
		if got != port {
			t.Errorf("connected to port %d, want %d", got, port)
		}
		return answer
	}
}

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestMain adds the test certificate of net/http/httptest to the system's roots,
// which crypto/x509 reads only once.
func TestMain(m *testing.M) {
	file, err := trustTestCertificate()
	if err != nil {
		panic(err)
	}
	code := m.Run()
	os.Remove(file)
	os.Exit(code)
}
