package check

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestHostileHTTP has servers that are none, or mean no good.
func TestHostileHTTP(t *testing.T) {
	request := func(c net.Conn) { c.Read(make([]byte, 4<<10)) }
	says := func(text string) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			request(c)
			io.WriteString(c, text)
		}
	}
	drip := func(head string) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			io.WriteString(c, head)
			ticks := time.NewTicker(10 * time.Millisecond)
			defer ticks.Stop()
			for range ticks.C {
				if _, err := io.WriteString(c, "a"); err != nil {
					return
				}
			}
		}
	}
	flood := func(head, text string) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			io.WriteString(c, head)
			for {
				if _, err := io.WriteString(c, text); err != nil {
					return
				}
			}
		}
	}
	tests := map[string]struct {
		handle func(*net.TCPConn)
		tls    bool
		short  bool
		want   string // with a * for what isn't foreseen
	}{
		"never answers":      {handle: untilGone, short: true, want: "no answer within 300ms"},
		"closes":             {handle: func(c *net.TCPConn) { request(c) }, want: "closed without an answer"},
		"resets":             {handle: func(c *net.TCPConn) { request(c); reset(c) }, want: "reset"},
		"closes early":       {handle: says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), want: "closed too early"},
		"cuts the body":      {handle: says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"), want: "status 200 OK and 5 bytes of the body, then closed too early"},
		"resets the body":    {handle: func(c *net.TCPConn) { says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")(c); request(c) }, short: true, want: "status 200 OK and 5 bytes of the body, then no answer within 300ms"},
		"bad chunks":         {handle: says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"), want: "status 200 OK and 5 bytes of the body, then invalid byte in chunk length"},
		"is SSH":             {handle: says("SSH-2.0-OpenSSH_9.2\r\n"), want: `malformed HTTP response "SSH-2.0-OpenSSH_9.2"`},
		"controls in status": {handle: says("HTTP/1.1 503 \x1b[2J\u202egone\r\n\r\n"), want: `status 503 \x1b[2J\u202egone: ""`},
		"endless status":     {handle: flood("HTTP/1.1 200 ", strings.Repeat("a", 1000)), want: "header has more than 64 KiB"},
		"long status":        {handle: says("HTTP/1.1 503 " + strings.Repeat("a", 60000) + "\r\n\r\n"), want: "status 503 " + strings.Repeat("a", maxLine-3) + `...: ""`},
		"endless header":     {handle: flood("HTTP/1.1 200 OK\r\n", "X: "+strings.Repeat("a", 1000)+"\r\n"), want: "header has more than 64 KiB"},
		"endless 1xx":        {handle: flood("", "HTTP/1.1 103 Early Hints\r\n\r\n"), want: "header has more than 64 KiB"},
		"announced":          {handle: says("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")},
		"slow status":        {handle: drip("HTTP/1.1 200 "), short: true, want: "no answer within 300ms"},
		"slow header":        {handle: drip("HTTP/1.1 200 OK\r\nX: "), short: true, want: "no answer within 300ms"},
		"slow body":          {handle: drip("HTTP/1.1 200 OK\r\n\r\n"), short: true, want: "status 200 OK and * bytes of the body, then no answer within 300ms"},
		"no TLS":             {handle: says("220 mail ready\r\n"), tls: true, want: `answer is no TLS: "220 m"`},
		"silent TLS":         {handle: untilGone, tls: true, short: true, want: "no answer within 300ms"},
		"closes in TLS":      {handle: func(c *net.TCPConn) { request(c) }, tls: true, want: "closed without an answer"},
		"garbage in TLS":     {handle: flood("", "\x16\x03\x03\x40\x00"+strings.Repeat("\xee", 1<<14)), tls: true, want: "*tls: *"},
		"slow TLS":           {handle: drip("\x16\x03\x03\x40\x00"), tls: true, short: true, want: "no answer within 300ms"},
		"alert":              {handle: says("\x15\x03\x03\x00\x02\x02\x28"), tls: true, want: "tls: handshake failure"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := 10 * time.Second
			if test.short {
				timeout = short
			}
			got := probe(t, HTTP{TLS: test.tls, Port: serve(t, test.handle)}, here("127.0.0.1"), timeout)
			if head, tail, open := strings.Cut(test.want, "*"); open {
				_, tail, _ = strings.Cut("*"+tail, "*")
				if !strings.HasPrefix(got, head) || !strings.Contains(got, strings.Trim(tail, "*")) {
					t.Errorf("saw  %s\nwant %s", got, test.want)
				}
				return
			}
			expect(t, got, test.want)
		})
	}
	t.Run("refused", func(t *testing.T) {
		expect(t, probe(t, HTTP{Port: closedPort}, here("127.0.0.1"), 10*time.Second), "refused")
	})
}
