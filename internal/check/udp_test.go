package check

import (
	"cmp"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

func itoa(port uint16) string { return strconv.Itoa(int(port)) }

// answerUDP responds to each datagram with what handle returns, and not at all if
// that is nil. The datagrams are numbered from 1.
func answerUDP(t *testing.T, handle func(n int, datagram []byte) []byte) uint16 {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, maxDatagram)
		for n := 1; ; n++ {
			size, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if response := handle(n, buffer[:size]); response != nil {
				conn.WriteTo(response, from)
			}
		}
	}()
	return portOf(conn.LocalAddr())
}

func TestUDP(t *testing.T) {
	echo := func(_ int, datagram []byte) []byte { return datagram }
	responds := func(text string) func(int, []byte) []byte {
		return func(int, []byte) []byte { return []byte(text) }
	}
	tests := map[string]struct {
		check   UDP
		handle  func(int, []byte) []byte
		timeout time.Duration
		want    string
	}{
		"echo":                   {check: UDP{Send: "ping"}, handle: echo},
		"expected":               {check: UDP{Send: "ping\x00pong", Expect: "g\x00p"}, handle: echo},
		"empty request":          {check: UDP{Expect: "2026"}, handle: responds("Monday, 2026\r\n")},
		"empty response":         {check: UDP{Send: "x"}, handle: responds("")},
		"wrong response":         {check: UDP{Send: "x", Expect: "pong"}, handle: responds("go\x07away\n"), want: `response does not contain "pong": "go\aaway\n"`},
		"huge response":          {check: UDP{Send: "x", Expect: "pong"}, handle: responds(strings.Repeat("z", 65507)), want: `response does not contain "pong": "` + strings.Repeat("z", 200) + `"...`},
		"end of a huge response": {check: UDP{Send: "x", Expect: "zp"}, handle: responds(strings.Repeat("z", 65506) + "p")},
		"silent":                 {check: UDP{Send: "x"}, handle: func(int, []byte) []byte { return nil }, timeout: short, want: "no response within 300ms"},
		"first one is lost": {check: UDP{Send: "ping", Expect: "ping"}, handle: func(n int, datagram []byte) []byte {
			if n == 1 {
				return nil
			}
			return datagram
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.check.Port = answerUDP(t, test.handle)
			expect(t, probe(t, test.check, here("127.0.0.1"), cmp.Or(test.timeout, 10*time.Second)), test.want)
		})
	}
	t.Run("refused", func(t *testing.T) {
		expect(t, probe(t, UDP{Port: closedPort, Send: "x"}, here("127.0.0.1"), 10*time.Second), "connection refused")
	})
}
