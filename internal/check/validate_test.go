package check

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestValidate(t *testing.T) {
	const noPort = "port is 0: must be 1 to 65535"
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
			"timeout is -1s: must be positive, for example 10s",
			"interval is -1ns: must be positive, for example 1s",
			"consecutive is -1: must be at least 1",
		}},
		"http, all wrong": {
			check: HTTP{
				Path: "a b\x01#%zz", Method: "GET /", Status: 199, BodyContains: "x", BodyMatches: "(", ServerName: "example.com", SkipVerify: true,
				Headers: map[string]string{"": "", "a b": "", "host": "a b", "Host": "", "X-Test": "a\nb", "content-length": "5", "Connection": "close"},
			},
			want: []string{
				noPort,
				`path is "a b\x01#%zz": must begin with "/"`,
				`path is "a b\x01#%zz": must not contain spaces: write %20 instead`,
				`path is "a b\x01#%zz": must not contain control characters: write each byte as %xx, in hexadecimal`,
				`path is "a b\x01#%zz": a fragment (#) is never sent: remove it, or write %23 instead`,
				`path is "a b\x01#%zz": "%zz" is not an escape: write %25 for a percent sign`,
				`header "": name must consist of letters, digits and hyphens`,
				`header "Connection": is set automatically: remove it`,
				`header "Host": value is not a host: use a name and an optional port, such as www.example.com:8080`,
				`header "X-Test": value must not contain line breaks or other control characters: remove them`,
				`header "a b": name must consist of letters, digits and hyphens`,
				`header "content-length": is set automatically: remove it`,
				`headers "Host" and "host" are the same header: remove one`,
				`header "host": value is not a host: use a name and an optional port, such as www.example.com:8080`,
				"body_matches is \"(\": missing closing ): `(`: see https://golang.org/s/re2syntax",
				`method is "GET /": must be one word such as GET, HEAD or POST`,
				"status is 199: must be 200 to 599, or unset to accept any from 200 to 399",
				`server_name is "example.com": needs TLS: use an https check`,
				"skip_verify is set: needs TLS: use an https check",
			},
		},
		"http, percent at the end": {check: HTTP{Port: 80, Path: "/50%"}, want: []string{`path is "/50%": "%" is not an escape: write %25 for a percent sign`}},
		"http, status too high":    {check: HTTP{Port: 80, Status: 600}, want: []string{"status is 600: must be 200 to 599, or unset to accept any from 200 to 399"}},
		"http, body of HEAD": {check: HTTP{Port: 80, Method: "HEAD", BodyContains: "x"}, want: []string{
			"body_contains or body_matches is set: responses to HEAD, and those of status 204 and 304, have no body: remove both"}},
		"http, body of 204": {check: HTTP{Port: 80, Status: 204, BodyMatches: "x"}, want: []string{
			"body_contains or body_matches is set: responses to HEAD, and those of status 204 and 304, have no body: remove both"}},
		"udp, nothing": {check: UDP{}, want: []string{noPort,
			"send and expect are both empty: set at least one of them"}},
		"udp, too much": {check: UDP{Port: 7, Send: strings.Repeat("x", 1401), Expect: strings.Repeat("x", 65537)}, want: []string{
			"send has 1401 bytes: must be at most 1400, to fit in one packet",
			"expect has 65537 bytes: must be at most 65536, the size of a datagram"}},
		"dns, nothing": {check: DNS{Type: "B"}, want: []string{noPort,
			`type is "B": unknown record type: use A, AAAA, MX, NS, TXT or another`,
			`name is "": must not be empty: use a name such as www.example.com`}},
		"dns, zone transfer": {check: DNS{Port: 53, Name: "a b", Type: "axfr"}, want: []string{
			"type is AXFR: zone transfers need TCP, and this check uses UDP: use SOA",
			`name is "a b": must not contain spaces or control characters: use a name such as www.example.com`}},
		"dns, no question": {check: DNS{Port: 53, Name: "a..b", Type: "OPT"}, want: []string{
			"type is OPT: can't be queried: use A, AAAA, MX, NS, TXT or another",
			`name is "a..b": labels must be 1 to 63 bytes, and the name at most 253: use a name such as www.example.com`}},
		"dns, too long": {check: DNS{Port: 53, Name: strings.Repeat("a", 64)}, want: []string{
			`name is "` + strings.Repeat("a", 64) + `": labels must be 1 to 63 bytes, and the name at most 253: use a name such as www.example.com`}},
		"console, nothing": {check: Console{}, want: []string{"contains and matches are both empty: set one of them"}},
		"console, both": {check: Console{Contains: "a", Matches: "["}, want: []string{
			"contains and matches are both set: use one check for each",
			"matches is \"[\": missing closing ]: `[`: see https://golang.org/s/re2syntax"}},
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
		check    Check
		kind     string
		protocol string // of Ingress
		port     uint16
	}{
		"connect to TCP port 22":                                     {TCP{22}, "tcp", "tcp", 22},
		"GET / on port 80":                                           {HTTP{Port: 80}, "http", "tcp", 80},
		"HEAD /a?b=c on port 443, expect status 301":                 {HTTP{TLS: true, Port: 443, Path: "/a?b=c", Method: "HEAD", Status: 301}, "https", "tcp", 443},
		`GET / on port 80, expect "a", expect a match of "b"`:        {HTTP{Port: 80, BodyContains: "a", BodyMatches: "b"}, "http", "tcp", 80},
		`send 4 bytes to UDP port 7, expect "pong"`:                  {UDP{Port: 7, Send: "ping", Expect: "pong"}, "udp", "udp", 7},
		`query UDP port 53 for A of example.com, expect "192.0.2.1"`: {DNS{Port: 53, Name: "example.com", Expect: "192.0.2.1"}, "dns", "udp", 53},
		"ICMP echo":                      {ICMP{}, "icmp", "icmp", 0},
		`console output contains "up\n"`: {Console{Contains: "up\n"}, "console", "", 0},
		`console output matches "^up"`:   {Console{Matches: "^up"}, "console", "", 0},
	}
	for want, test := range tests {
		expect(t, test.check.Describe(), want)
		expect(t, test.check.Kind(), test.kind)
		if protocol, port := test.check.Ingress(); protocol != test.protocol || port != test.port {
			t.Errorf("%s needs %s port %d, want %s port %d", want, protocol, port, test.protocol, test.port)
		}
	}
}
