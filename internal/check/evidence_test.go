package check

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/miekg/dns"
)

// A probe that passes says what it has seen.
func TestEvidence(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello\nworld") }
	plain, secure := httptest.NewServer(http.HandlerFunc(page)), httptest.NewTLSServer(http.HandlerFunc(page))
	defer plain.Close()
	defer secure.Close()
	at := func(server *httptest.Server) Target {
		return Target{Endpoint: func(string, uint16) (string, error) { return server.Listener.Addr().String(), nil }}
	}
	console := Target{Console: func(context.Context) (string, error) { return "first\r\nready to serve\r\nlast", nil }}
	ping := Target{Ping: func(context.Context) error { return nil }}
	for _, test := range []struct {
		check  Check
		target Target
		want   string
	}{
		{HTTP{Port: 80}, at(plain), `^status 200 OK, 11 bytes: "hello\\nworld"$`},
		{HTTP{Port: 443, TLS: true, SkipVerify: true}, at(secure), `^status 200 OK, .*; certificate of "O=Acme Co", valid until 20\d\d-\d\d-\d\d$`},
		{TCP{Port: 80}, at(plain), `^connection accepted$`},
		{ICMP{}, ping, `^echo reply$`},
		{Console{Contains: "ready"}, console, `^the console shows "ready to serve"$`},
		{Console{Matches: `(?m)^la`}, console, `^the console shows "last"$`},
		{Console{Matches: `first\s+ready`}, console, `^the console shows "first"$`},
	} {
		evidence, err := test.check.Probe(t.Context(), test.target)
		if err != nil || !regexp.MustCompile(test.want).MatchString(evidence) {
			t.Errorf("%s: %q, error %v; want %s", test.check.Describe(), evidence, err, test.want)
		}
	}
	query := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	response := new(dns.Msg).SetReply(query)
	response.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: query.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: []byte{10, 0, 0, 2}}}
	evidence, err := DNS{Expect: "10.0.0.2"}.verify(query, response)
	if want := `NOERROR with 1 answer: "10.0.0.2"`; evidence != want || err != nil {
		t.Errorf("DNS: %q, error %v; want %q", evidence, err, want)
	}
}
