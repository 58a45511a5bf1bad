package check

import (
	"context"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// guestOn127 serves every protocol that can be checked. Connections to its web
// site are refused until up is true.
func guestOn127(t *testing.T) (up *atomic.Bool, r Run) {
	t.Helper()
	web := httptest.NewServer(site())
	t.Cleanup(web.Close)
	up = new(atomic.Bool)
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(zone)}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	r = run(
		TCP{80},
		HTTP{Port: 80, BodyContains: "hello"},
		UDP{Port: answerUDP(t, func(_ int, datagram []byte) []byte { return datagram }), Send: "ping", Expect: "ping"},
		DNS{Port: portOf(conn.LocalAddr()), Name: "www.example.com", Expect: "192.0.2.7"},
		ICMP{},
		Console{Contains: "up"},
	)
	r.Timeout = time.Minute
	r.Target = here("127.0.0.1")
	r.Target.Endpoint = func(_ string, port uint16) (string, error) {
		switch {
		case port == 80 && up.Load():
			port = portOf(web.Listener.Addr())
		case port == 80:
			port = closedPort
		}
		return net.JoinHostPort("127.0.0.1", itoa(port)), nil
	}
	r.Target.Ping = func(context.Context) error { return nil }
	r.Target.Console = func(context.Context) (string, error) { return "Mini-OS up\n", nil }
	return up, r
}

func TestLiveGuest(t *testing.T) {
	up, r := guestOn127(t)
	refused := false
	r.Progress = func(line string) {
		if line == `web (GET / on port 80, expect "hello"): connection refused` {
			refused = true
			up.Store(true)
		}
	}
	r.Watch = func(ctx context.Context) error { <-ctx.Done(); return nil }
	r.Hold = 300 * time.Millisecond
	outcomes, err := r.Do(t.Context())
	nothingRuns(t)
	if err != nil {
		t.Fatal(err)
	}
	if !refused || outcomes[1].Attempts[0].Error != "connection refused" {
		t.Error("the first connection was not refused")
	}
	for _, o := range outcomes {
		last := o.Attempts[len(o.Attempts)-1]
		if !o.Passed || last.Error != "" || !last.Start.After(o.PassedAt) {
			t.Errorf("%+v did not pass, or was not probed during the hold time", o)
		}
	}
}

func TestLiveGuestDies(t *testing.T) {
	up, r := guestOn127(t)
	up.Store(true)
	r.Hold = time.Minute
	passed := 0
	r.Progress = func(line string) {
		if strings.Contains(line, ": passed after ") {
			passed++
		}
		if passed == len(r.Plans) {
			up.Store(false)
		}
	}
	start := time.Now()
	_, err := r.Do(t.Context())
	nothingRuns(t)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
	if got := text(err); !strings.Contains(got, "failed during the hold time of 1m0s:\n") || !strings.Contains(got, ": connection refused; ") {
		t.Error(got)
	}
}

// The end of the run interrupts probes that wait for a response.
func TestLiveSilence(t *testing.T) {
	port := serve(t, untilGone)
	silent := answerUDP(t, func(int, []byte) []byte { return nil })
	probed := make(chan bool)
	r := run(
		HTTP{Port: port}, HTTP{TLS: true, Port: port}, TCP{port},
		UDP{Port: silent, Send: "x"}, DNS{Port: silent, Name: "example.com"},
		&fakeCheck{kind: "last", probe: func(ctx context.Context, _ int) error {
			close(probed)
			return untilDone(ctx)
		}},
	)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-probed
		cancel(errInterrupted)
	}()
	start := time.Now()
	_, err := r.Do(ctx)
	nothingRuns(t)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if !strings.HasPrefix(text(err), "interrupted:\n") {
		t.Error(err)
	}
}

// nothingRuns fails the test if another goroutine still runs this package's code.
// Those that close a connection may take a moment.
func nothingRuns(t *testing.T) {
	t.Helper()
	var stack string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		stack = ""
		buffer := make([]byte, 1<<20)
		for _, goroutine := range strings.Split(string(buffer[:runtime.Stack(buffer, true)]), "\n\n")[1:] {
			for _, own := range []string{"check.exchange", "check.HTTP", "check.TCP", "check.UDP", "check.DNS", "check.Run", "check.(*prober)", "check.closeWith"} {
				if strings.Contains(goroutine, own) {
					stack = goroutine
				}
			}
		}
		if stack == "" {
			return
		}
	}
	t.Errorf("still running:\n%s", stack)
}
