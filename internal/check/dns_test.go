package check

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// zone selects its response by the query's name.
func zone(w dns.ResponseWriter, question *dns.Msg) {
	answer := new(dns.Msg).SetReply(question)
	name := question.Question[0].Name
	records := map[string][]string{
		"www.example.com.":  {"www.example.com. 60 IN CNAME web.example.com.", "web.example.com. 60 IN A 192.0.2.7", "web.example.com. 60 IN A 192.0.2.8"},
		"six.example.com.":  {"six.example.com. 60 IN AAAA 2001:db8::1"},
		"mail.example.com.": {"mail.example.com. 60 IN MX 10 mx.example.com."},
		"text.example.com.": {`text.example.com. 60 IN TXT "v=spf1 " "-all"`},
	}
	for _, text := range records[name] {
		record, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		answer.Answer = append(answer.Answer, record)
	}
	switch name {
	case "none.example.com.":
		answer.Rcode = dns.RcodeNameError
	case "odd.example.com.":
		answer.Rcode = 13
	case "other.example.com.":
		answer.Id++
	case "cut.example.com.":
		answer.Truncated = true
		answer.Answer = append(answer.Answer, &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(192, 0, 2, 1)})
	case "garbage.example.com.":
		w.Write([]byte("HTTP/1.0 400 Bad Request\r\n\r\n"))
		return
	case "echo.example.com.":
		w.WriteMsg(question)
		return
	case "huge.example.com.":
		for i := range 4000 { // 63 KiB on the wire
			answer.Answer = append(answer.Answer, &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(10, 0, byte(i>>8), byte(i))})
		}
		answer.Compress = true
	case "silent.example.com.":
		return
	}
	w.WriteMsg(answer)
}

func TestDNS(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(conn.LocalAddr())
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(zone)}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	tests := map[string]struct {
		check DNS
		want  string
	}{
		"address":        {check: DNS{Name: "www.example.com", Expect: "192.0.2.8"}},
		"with a type":    {check: DNS{Name: "www.example.com.", Type: "a", Expect: "192.0.2.7"}},
		"alias":          {check: DNS{Name: "www.example.com", Expect: "WEB.example.com"}},
		"IPv6 by value":  {check: DNS{Name: "six.example.com", Type: "AAAA", Expect: "2001:DB8:0::1"}},
		"mail":           {check: DNS{Name: "mail.example.com", Type: "MX", Expect: "10 mx.example.com."}},
		"text":           {check: DNS{Name: "text.example.com", Type: "TXT", Expect: "v=spf1 -all"}},
		"anything":       {check: DNS{Name: "empty.example.com"}},
		"other data":     {check: DNS{Name: "www.example.com", Expect: "192.0.2.1"}, want: `no answer is "192.0.2.1": got "web.example.com., 192.0.2.7, 192.0.2.8"`},
		"no data":        {check: DNS{Name: "empty.example.com", Expect: "192.0.2.1"}, want: "response has no answers"},
		"truncated":      {check: DNS{Name: "cut.example.com", Expect: "192.0.2.9"}, want: `no answer is "192.0.2.9" (response is truncated): got "192.0.2.1"`},
		"no such name":   {check: DNS{Name: "none.example.com"}, want: "rcode NXDOMAIN"},
		"unknown code":   {check: DNS{Name: "odd.example.com"}, want: "rcode 13"},
		"wrong question": {check: DNS{Name: "other.example.com"}, want: "response has ID "},
		"garbage":        {check: DNS{Name: "garbage.example.com"}, want: `: "HTTP/1.0 400 Bad Request\r\n\r\n"`},
		"echo":           {check: DNS{Name: "echo.example.com"}, want: "response is the query itself (is it an echo server?)"},
		"huge":           {check: DNS{Name: "huge.example.com", Expect: "10.0.15.159"}},
		"silent":         {check: DNS{Name: "silent.example.com"}, want: "no response within 300ms"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.check.Port = port
			timeout := 10 * time.Second
			if name == "silent" {
				timeout = short
			}
			got := probe(t, test.check, here("127.0.0.1"), timeout)
			switch name {
			case "garbage": // the library's error is in the middle
				if !strings.HasPrefix(got, "response is not a DNS message (") || !strings.HasSuffix(got, test.want) {
					t.Errorf("got %s", got)
				}
			case "wrong question": // the IDs are random
				if !strings.HasPrefix(got, test.want) {
					t.Errorf("got %s", got)
				}
			default:
				expect(t, got, test.want)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		expect(t, probe(t, DNS{Port: closedPort, Name: "example.com"}, here("127.0.0.1"), 10*time.Second), "connection refused")
	})
}
