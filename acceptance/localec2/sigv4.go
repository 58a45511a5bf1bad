package localec2

import (
	"net/http"
	"regexp"
	"strings"
	"time"
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

// signature is what a request's Authorization header says of its caller.
type signature struct {
	accessKey, date, region, service string
	signedHeaders                    []string
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request,\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=[0-9a-f]{64}$`)

// parseSignature reads an Authorization header. It returns false for anything
// but a well-formed Signature Version 4.
func parseSignature(header string) (signature, bool) {
	m := authorization.FindStringSubmatch(header)
	if m == nil {
		return signature{}, false
	}
	return signature{m[1], m[2], m[3], m[4], strings.Split(m[5], ";")}, true
}

// authFault names what is wrong with a request's signature; each protocol has
// its own code for it.
type authFault int

const (
	authMissing authFault = iota + 1
	authMalformed
	authExpired
	authRegion
	authUnknownKey
	authDenied
	authNotOptedIn
)

// checkSignature checks all that can be checked without the secret: form,
// date, signed headers, region and key. Zero means nothing is wrong.
func checkSignature(r *http.Request, now time.Time) (signature, authFault) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return signature{}, authMissing
	}
	sig, ok := parseSignature(header)
	if !ok || !signsAll(r.Header, sig.signedHeaders) {
		return sig, authMalformed
	}
	signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || signed.Format("20060102") != sig.date {
		return sig, authMalformed
	}
	return sig, sig.judge(signed, now)
}

// judge decides on a well-formed signature.
func (sig signature) judge(signed, now time.Time) authFault {
	region, known := regions[sig.region]
	switch {
	case now.Sub(signed).Abs() > clockSkew:
		return authExpired
	case !known:
		return authRegion
	case strings.HasPrefix(sig.accessKey, UnknownKeyPrefix):
		return authUnknownKey
	case region.optIn:
		return authNotOptedIn
	case strings.HasPrefix(sig.accessKey, DeniedKeyPrefix) && sig.service != "sts":
		return authDenied // GetCallerIdentity needs no permission
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
