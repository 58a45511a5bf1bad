// Package sigv4 reads and checks Signature Version 4 as far as that is possible
// without the secret: form, date, signed headers, region and key.
package sigv4

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
)

// clockSkew is how far a signature's date may be from the real time; AWS
// allows 15 minutes (Signature Version 4, "date stamp").
const clockSkew = 15 * time.Minute

// Access keys that begin with these are refused, so that a test can act as a
// caller without permission, or with keys that AWS does not know.
const (
	DeniedKeyPrefix  = "AKIDENIED"  // well known, but allowed nothing
	UnknownKeyPrefix = "AKIUNKNOWN" // no such key
)

// Signature is what a request's Authorization header says of its caller.
type Signature struct {
	AccessKey, Date, Region, Service string
	signedHeaders                    []string
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request,\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=[0-9a-f]{64}$`)

// parse reads an Authorization header. It returns false for anything
// but a well-formed Signature Version 4.
func parse(header string) (Signature, bool) {
	m := authorization.FindStringSubmatch(header)
	if m == nil {
		return Signature{}, false
	}
	return Signature{m[1], m[2], m[3], m[4], strings.Split(m[5], ";")}, true
}

// Fault names what is wrong with a request's signature; each protocol has
// its own code for it.
type Fault int

// What can be wrong. Zero means nothing is.
const (
	Missing Fault = iota + 1
	Malformed
	Expired
	UnknownRegion
	UnknownKey
	Denied
	NotOptedIn
)

// Check checks all that can be checked without the secret: form,
// date, signed headers, region and key. Zero means nothing is wrong.
func Check(r *http.Request, now time.Time) (Signature, Fault) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Signature{}, Missing
	}
	sig, ok := parse(header)
	if !ok || !signsAll(r.Header, sig.signedHeaders) {
		return sig, Malformed
	}
	signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || signed.Format("20060102") != sig.Date {
		return sig, Malformed
	}
	return sig, sig.judge(signed, now)
}

// judge decides on a well-formed signature.
func (sig Signature) judge(signed, now time.Time) Fault {
	region, known := regions.Lookup(sig.Region)
	switch {
	case now.Sub(signed).Abs() > clockSkew:
		return Expired
	case !known:
		return UnknownRegion
	case strings.HasPrefix(sig.AccessKey, UnknownKeyPrefix):
		return UnknownKey
	case region.OptIn:
		return NotOptedIn
	case strings.HasPrefix(sig.AccessKey, DeniedKeyPrefix):
		return Denied
	}
	return 0
}

// signsAll reports whether the signed headers hold host and every X-Amz header
// that the request has, as AWS demands.
func signsAll(h http.Header, signed []string) bool {
	names := map[string]bool{}
	for _, name := range signed {
		names[name] = true
	}
	for name := range h {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !names[lower] {
			return false
		}
	}
	return names["host"] && names["x-amz-date"]
}
