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

// Validate returns all errors in the settings.
func (c HTTP) Validate() error {
	var f faults
	f.port(c.Port)
	f.path(c.path())
	f.headers(c.Headers)
	f.expression("body_matches", c.BodyMatches)
	if !httpguts.ValidHeaderFieldName(c.method()) { // both are tokens (RFC 9110, 5.1 and 9.1)
		f.add("method is %s: must be one word such as GET, HEAD or POST", excerpt(c.Method))
	}
	// A response of status 1xx is followed by the final one.
	if c.Status != 0 && (c.Status < 200 || c.Status > 599) {
		f.add("status is %d: must be 200 to 599, or unset to accept any from 200 to 399", c.Status)
	}
	if c.bodiless() && (c.BodyContains != "" || c.BodyMatches != "") {
		f.add("body_contains or body_matches is set: responses to HEAD, and those of status 204 and 304, have no body: remove both")
	}
	if !c.TLS && c.ServerName != "" {
		f.add("server_name is %s: needs TLS: use an https check", excerpt(c.ServerName))
	}
	if !c.TLS && c.SkipVerify {
		f.add("skip_verify is set: needs TLS: use an https check")
	}
	return f.err()
}

// bodiless reports whether the expected response never has a body (RFC 9110,
// 6.4.1).
func (c HTTP) bodiless() bool {
	return c.method() == http.MethodHead || c.Status == http.StatusNoContent || c.Status == http.StatusNotModified
}

func (f *faults) path(path string) {
	quoted := excerpt(path)
	if !strings.HasPrefix(path, "/") {
		f.add(`path is %s: must begin with "/"`, quoted)
	}
	if strings.ContainsFunc(path, unicode.IsSpace) {
		f.add("path is %s: must not contain spaces: write %%20 instead", quoted)
	}
	if strings.ContainsFunc(path, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		f.add("path is %s: must not contain control characters: write each byte as %%xx, in hexadecimal", quoted)
	}
	if strings.Contains(path, "#") {
		f.add("path is %s: a fragment (#) is never sent: remove it, or write %%23 instead", quoted)
	}
	if percent := badPercent(path); percent != "" {
		f.add("path is %s: %s is not an escape: write %%25 for a percent sign", quoted, excerpt(percent))
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

// headers never shows a value, which may be a password.
func (f *faults) headers(headers map[string]string) {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		canonical := http.CanonicalHeaderKey(name)
		if other, twice := seen[canonical]; twice {
			f.add("headers %s and %s are the same header: remove one", excerpt(other), excerpt(name))
		}
		seen[canonical] = name
		f.header(name, canonical, headers[name])
	}
}

func (f *faults) header(name, canonical, value string) {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		f.add("header %s: name must consist of letters, digits and hyphens", excerpt(name))
	case canonical == "Connection", canonical == "Content-Length", canonical == "Transfer-Encoding", canonical == "Trailer":
		f.add("header %s: is set automatically: remove it", excerpt(name))
	case canonical == "Host" && (value == "" || !httpguts.ValidHostHeader(value)):
		f.add("header %s: value is not a host: use a name and an optional port, such as www.example.com:8080", excerpt(name))
	case !httpguts.ValidHeaderFieldValue(value):
		f.add("header %s: value must not contain line breaks or other control characters: remove them", excerpt(name))
	}
}
