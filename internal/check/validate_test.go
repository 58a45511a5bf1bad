package check

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestValidate(t *testing.T) {
	const noPort = "port 0: a guest listens on a port from 1 to 65535: name it"
	tests := map[string]struct {
		check Check
		want  []string
	}{
		"tcp":  {check: TCP{Port: 65535}},
		"icmp": {check: ICMP{}},
		"http": {check: HTTP{Port: 80}},
		"http, all": {check: HTTP{
			Port: 80, Path: "/a/b%20c?d=é", Method: "PROPFIND", Headers: map[string]string{"Host": "[2001:db8::1]:80", "X-Test": "tabs\tand bytes \xff"},
			Status: 599, BodyContains: "a", BodyMatches: "(?i)b+",
		}},
		"https":          {check: HTTP{Port: 443, TLS: true, ServerName: "example.com", SkipVerify: true}},
		"udp":            {check: UDP{Port: 7, Send: strings.Repeat("x", 1400)}},
		"udp, empty":     {check: UDP{Port: 13, Expect: "2026"}},
		"dns":            {check: DNS{Port: 53, Name: "example.com"}},
		"dns, root":      {check: DNS{Port: 53, Name: ".", Type: "ns"}},
		"dns, longest":   {check: DNS{Port: 53, Name: strings.Repeat("a.", 126) + "a"}},
		"console":        {check: Console{Contains: "up"}},
		"console, match": {check: Console{Matches: "^up$"}},

		"no port": {check: TCP{}, want: []string{noPort}},
		"plan":    {check: planned(TCP{}), want: []string{noPort}},
		"short plan": {check: Plan{Check: ICMP{}, Timeout: -time.Second, Interval: -1, Consecutive: -1}, want: []string{
			"timeout -1s: a probe needs time to be answered: give it 10s, say",
			"interval -1ns: a guest needs time between two probes: give it 1s, say",
			"consecutive -1: a check passes with 1 or more good answers in a row",
		}},
		"http, nothing right": {
			check: HTTP{
				Path: "a b\x01#%zz", Method: "GET /", Status: 199, BodyContains: "x", BodyMatches: "(", ServerName: "example.com", SkipVerify: true,
				Headers: map[string]string{"": "", "a b": "", "host": "a b", "Host": "", "X-Test": "a\nb", "content-length": "5", "Connection": "close"},
			},
			want: []string{
				noPort,
				`path "a b\x01#%zz": a path begins with "/": put one in front`,
				`path "a b\x01#%zz": a path has no blanks: write %20 for each`,
				`path "a b\x01#%zz": a path has no control characters: write each as %xx, its byte in hexadecimal`,
				`path "a b\x01#%zz": what follows a # is never sent: take it away, or write %23`,
				`path "a b\x01#%zz": "%zz" is no escape: write %25 for a percent sign`,
				`headers "": a header's name is one word of letters, digits and a few signs, above all the hyphen`,
				`headers "Connection": that header is the connection's own: leave it out`,
				`headers "Host": its value is no host: give a name, and maybe a port: www.example.com:8080`,
				`headers "X-Test": its value has a line break or another control character: take it away`,
				`headers "a b": a header's name is one word of letters, digits and a few signs, above all the hyphen`,
				`headers "content-length": that header is the connection's own: leave it out`,
				`headers "Host" and "host" are the same header: leave one out`,
				`headers "host": its value is no host: give a name, and maybe a port: www.example.com:8080`,
				"body_matches \"(\": missing closing ): `(`: write it as https://golang.org/s/re2syntax says",
				`method "GET /": a method is one word of letters, digits and a few signs: give GET, HEAD or POST`,
				"status 199: answers have a status from 200 to 599: give one of these, or leave it out for any from 200 to 399",
				`server_name "example.com": without TLS nothing has a certificate: make an https check`,
				"skip_verify: without TLS nothing has a certificate: make an https check",
			},
		},
		"http, percent at the end": {check: HTTP{Port: 80, Path: "/50%"}, want: []string{`path "/50%": "%" is no escape: write %25 for a percent sign`}},
		"http, status too high":    {check: HTTP{Port: 80, Status: 600}, want: []string{"status 600: answers have a status from 200 to 599: give one of these, or leave it out for any from 200 to 399"}},
		"http, body of HEAD": {check: HTTP{Port: 80, Method: "HEAD", BodyContains: "x"}, want: []string{
			"body_contains and body_matches: answers to HEAD, and those of status 204 and 304, have no body: leave both out"}},
		"http, body of 204": {check: HTTP{Port: 80, Status: 204, BodyMatches: "x"}, want: []string{
			"body_contains and body_matches: answers to HEAD, and those of status 204 and 304, have no body: leave both out"}},
		"udp, nothing": {check: UDP{}, want: []string{noPort,
			"send and expect are both empty: say what the guest is to be sent, or what its answer must have"}},
		"udp, too much": {check: UDP{Port: 7, Send: strings.Repeat("x", 1401), Expect: strings.Repeat("x", 65537)}, want: []string{
			"send has 1401 bytes, and at most 1400 get through every network in one packet: make it 1 shorter",
			"expect has 65537 bytes, more than any answer can have: give a part of the answer"}},
		"dns, nothing": {check: DNS{Type: "B"}, want: []string{noPort,
			`type "B": no record type of DNS has that name: give A, AAAA, MX, NS, TXT or another`,
			`name "": a name is needed: give one such as www.example.com`}},
		"dns, zone transfer": {check: DNS{Port: 53, Name: "a b", Type: "axfr"}, want: []string{
			"type AXFR: zones are transferred over TCP, and this check asks over UDP: ask for SOA",
			`name "a b": a name has no blanks and no control characters: give one such as www.example.com`}},
		"dns, no question": {check: DNS{Port: 53, Name: "a..b", Type: "OPT"}, want: []string{
			"type OPT: nothing can be asked for by that type: give A, AAAA, MX, NS, TXT or another",
			`name "a..b": a name's parts have 1 to 63 bytes, and all of it at most 253: give one such as www.example.com`}},
		"dns, too long": {check: DNS{Port: 53, Name: strings.Repeat("a", 64)}, want: []string{
			`name "` + strings.Repeat("a", 64) + `": a name's parts have 1 to 63 bytes, and all of it at most 253: give one such as www.example.com`}},
		"console, nothing": {check: Console{}, want: []string{"contains and matches are both empty: say in one of them what the console must show"}},
		"console, both": {check: Console{Contains: "a", Matches: "["}, want: []string{
			"contains and matches are both set: write a check for each",
			"matches \"[\": missing closing ]: `[`: write it as https://golang.org/s/re2syntax says"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(strings.Join(test.want, "\n"), text(test.check.Validate())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	tests := map[string]struct {
		check Check
		kind  string
	}{
		"connect to TCP port 22":                                {TCP{22}, "tcp"},
		"GET / on port 80":                                      {HTTP{Port: 80}, "http"},
		"HEAD /a?b=c on port 443, get status 301":               {HTTP{TLS: true, Port: 443, Path: "/a?b=c", Method: "HEAD", Status: 301}, "https"},
		`GET / on port 80, get "a", get what matches "b"`:       {HTTP{Port: 80, BodyContains: "a", BodyMatches: "b"}, "http"},
		`send 4 bytes to UDP port 7, get "pong"`:                {UDP{Port: 7, Send: "ping", Expect: "pong"}, "udp"},
		`ask UDP port 53 for A of example.com, get "192.0.2.1"`: {DNS{Port: 53, Name: "example.com", Expect: "192.0.2.1"}, "dns"},
		"ping":                                   {ICMP{}, "icmp"},
		`find "up\n" on the console`:             {Console{Contains: "up\n"}, "console"},
		`find what matches "^up" on the console`: {Console{Matches: "^up"}, "console"},
	}
	for want, test := range tests {
		expect(t, test.check.Describe(), want)
		expect(t, test.check.Kind(), test.kind)
	}
}
