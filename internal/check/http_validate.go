package check

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/http/httpguts"
)

// Validate returns everything that is wrong with the settings.
func (c HTTP) Validate() error {
	var f faults
	f.port(c.Port)
	f.path(c.path())
	f.headers(c.Headers)
	f.expression("body_matches", c.BodyMatches)
	if !httpguts.ValidHeaderFieldName(c.method()) { // both are tokens (RFC 9110, 5.1 and 9.1)
		f.add("method %s: a method is one word of letters, digits and a few signs: give GET, HEAD or POST", excerpt(c.Method))
	}
	// An answer of status 1xx is followed by the one that counts.
	if c.Status != 0 && (c.Status < 200 || c.Status > 599) {
		f.add("status %d: answers have a status from 200 to 599: give one of these, or leave it out for any from 200 to 399", c.Status)
	}
	if c.bodiless() && (c.BodyContains != "" || c.BodyMatches != "") {
		f.add("body_contains and body_matches: answers to HEAD, and those of status 204 and 304, have no body: leave both out")
	}
	if !c.TLS && c.ServerName != "" {
		f.add("server_name %s: without TLS nothing has a certificate: make an https check", excerpt(c.ServerName))
	}
	if !c.TLS && c.SkipVerify {
		f.add("skip_verify: without TLS nothing has a certificate: make an https check")
	}
	return f.err()
}

// bodiless tells whether what is expected never has a body (RFC 9110, 6.4.1).
func (c HTTP) bodiless() bool {
	return c.method() == http.MethodHead || c.Status == http.StatusNoContent || c.Status == http.StatusNotModified
}

func (f *faults) path(path string) {
	quoted := excerpt(path)
	if !strings.HasPrefix(path, "/") {
		f.add(`path %s: a path begins with "/": put one in front`, quoted)
	}
	if strings.ContainsFunc(path, unicode.IsSpace) {
		f.add("path %s: a path has no blanks: write %%20 for each", quoted)
	}
	if strings.ContainsFunc(path, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		f.add("path %s: a path has no control characters: write each as %%xx, its byte in hexadecimal", quoted)
	}
	if strings.Contains(path, "#") {
		f.add("path %s: what follows a # is never sent: take it away, or write %%23", quoted)
	}
	if percent := badPercent(path); percent != "" {
		f.add("path %s: %s is no escape: write %%25 for a percent sign", quoted, excerpt(percent))
	}
}

// badPercent returns the first "%" that is not followed by two hexadecimal
// digits, with what follows it.
func badPercent(path string) string {
	for i := range len(path) {
		if path[i] != '%' {
			continue
		}
		escape := path[i:min(i+3, len(path))]
		if _, err := url.PathUnescape(escape); err != nil {
			return escape
		}
	}
	return ""
}

// headers never shows a value: it may be a password.
func (f *faults) headers(headers map[string]string) {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		canonical := http.CanonicalHeaderKey(name)
		if other, twice := seen[canonical]; twice {
			f.add("headers %s and %s are the same header: leave one out", excerpt(other), excerpt(name))
		}
		seen[canonical] = name
		f.header(name, canonical, headers[name])
	}
}

func (f *faults) header(name, canonical, value string) {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		f.add("headers %s: a header's name is one word of letters, digits and a few signs, above all the hyphen", excerpt(name))
	case canonical == "Connection", canonical == "Content-Length", canonical == "Transfer-Encoding", canonical == "Trailer":
		f.add("headers %s: that header is the connection's own: leave it out", excerpt(name))
	case canonical == "Host" && (value == "" || !httpguts.ValidHostHeader(value)):
		f.add("headers %s: its value is no host: give a name, and maybe a port: www.example.com:8080", excerpt(name))
	case !httpguts.ValidHeaderFieldValue(value):
		f.add("headers %s: its value has a line break or another control character: take it away", excerpt(name))
	}
}
