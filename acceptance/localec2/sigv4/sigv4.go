// Package sigv4 parses and checks Signature Version 4, as far as possible
// without the secret: form, date, signed headers, region and key.
package sigv4

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
)

// clockSkew is the allowed difference between a signature's date and the real
// time; for AWS it is 15 minutes (Signature Version 4, "date stamp").
const clockSkew = 15 * time.Minute

// Access keys with these prefixes are rejected, so that tests can act as a
// caller without permissions, or with unknown keys.
const (
	DeniedKeyPrefix  = "AKIDENIED"  // known, but without permissions
	UnknownKeyPrefix = "AKIUNKNOWN" // unknown
)

// Signature is the content of a request's Authorization header.
type Signature struct {
	AccessKey, Date, Region, Service string
	signedHeaders                    []string
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request,\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=[0-9a-f]{64}$`)

// parse parses an Authorization header. It returns false if it isn't a
// well-formed Signature Version 4.
func parse(header string) (Signature, bool) {
	m := authorization.FindStringSubmatch(header)
	if m == nil {
		return Signature{}, false
	}
	return Signature{m[1], m[2], m[3], m[4], strings.Split(m[5], ";")}, true
}

// Fault is what is wrong with a request's signature. Each protocol has its own
// error codes for faults.
type Fault int

// Faults of a signature. Zero means that there is none.
const (
	Missing Fault = iota + 1
	Malformed
	Expired
	UnknownRegion
	UnknownKey
	Denied
	NotOptedIn
	SessionExpired // of temporary keys; account.CheckSession finds it
)

// Check parses and checks the signature of a request.
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
	return sig, sig.check(signed, now)
}

// check checks a well-formed signature.
func (sig Signature) check(signed, now time.Time) Fault {
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

// signsAll reports whether the signed headers include host and every X-Amz
// header of the request, as AWS requires.
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
