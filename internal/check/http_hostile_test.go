package check

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestHostileHTTP probes servers that break the protocol or never finish.
func TestHostileHTTP(t *testing.T) {
	request := func(c net.Conn) { c.Read(make([]byte, 4<<10)) }
	sends := func(text string) func(*net.TCPConn) {
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
		want   string // a * stands for any text
	}{
		"never responds":     {handle: untilGone, short: true, want: "no response within 300ms"},
		"closes":             {handle: func(c *net.TCPConn) { request(c) }, want: "connection closed without a response"},
		"resets":             {handle: func(c *net.TCPConn) { request(c); reset(c) }, want: "connection reset"},
		"closes early":       {handle: sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), want: "connection closed before the end of the response"},
		"truncates the body": {handle: sends("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"), want: "status 200 OK, then 5 bytes of the body, then connection closed before the end of the response"},
		"resets the body":    {handle: func(c *net.TCPConn) { sends("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")(c); request(c) }, short: true, want: "status 200 OK, then 5 bytes of the body, then no response within 300ms"},
		"bad chunks":         {handle: sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"), want: "status 200 OK, then 5 bytes of the body, then invalid byte in chunk length"},
		"is SSH":             {handle: sends("SSH-2.0-OpenSSH_9.2\r\n"), want: `malformed HTTP response "SSH-2.0-OpenSSH_9.2"`},
		"controls in status": {handle: sends("HTTP/1.1 503 \x1b[2J\u202egone\r\n\r\n"), want: `status 503 \x1b[2J\u202egone: ""`},
		"endless status":     {handle: flood("HTTP/1.1 200 ", strings.Repeat("a", 1000)), want: "header is larger than 64 KiB"},
		"long status":        {handle: sends("HTTP/1.1 503 " + strings.Repeat("a", 60000) + "\r\n\r\n"), want: "status 503 " + strings.Repeat("a", maxLine-3) + `...: ""`},
		"endless header":     {handle: flood("HTTP/1.1 200 OK\r\n", "X: "+strings.Repeat("a", 1000)+"\r\n"), want: "header is larger than 64 KiB"},
		"endless 1xx":        {handle: flood("", "HTTP/1.1 103 Early Hints\r\n\r\n"), want: "header is larger than 64 KiB"},
		"interim response":   {handle: sends("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")},
		"slow status":        {handle: drip("HTTP/1.1 200 "), short: true, want: "no response within 300ms"},
		"slow header":        {handle: drip("HTTP/1.1 200 OK\r\nX: "), short: true, want: "no response within 300ms"},
		"slow body":          {handle: drip("HTTP/1.1 200 OK\r\n\r\n"), short: true, want: "status 200 OK, then * bytes of the body, then no response within 300ms"},
		"no TLS":             {handle: sends("220 mail ready\r\n"), tls: true, want: `response is not TLS: "220 m"`},
		"silent TLS":         {handle: untilGone, tls: true, short: true, want: "no response within 300ms"},
		"closes in TLS":      {handle: func(c *net.TCPConn) { request(c) }, tls: true, want: "connection closed without a response"},
		"garbage in TLS":     {handle: flood("", "\x16\x03\x03\x40\x00"+strings.Repeat("\xee", 1<<14)), tls: true, want: "*tls: *"},
		"slow TLS":           {handle: drip("\x16\x03\x03\x40\x00"), tls: true, short: true, want: "no response within 300ms"},
		"alert":              {handle: sends("\x15\x03\x03\x00\x02\x02\x28"), tls: true, want: "tls: handshake failure"},
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
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
				return
			}
			expect(t, got, test.want)
		})
	}
	t.Run("refused", func(t *testing.T) {
		expect(t, probe(t, HTTP{Port: closedPort}, here("127.0.0.1"), 10*time.Second), "connection refused")
	})
}
