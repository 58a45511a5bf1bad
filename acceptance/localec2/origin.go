package localec2

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// localOnly refuses requests that a web page of another origin made a browser
// send: by a form or a script (the header Origin, or Sec-Fetch-Site), or to a
// name of its own that resolves to the loopback address (DNS rebinding: the header
// Host). The server trusts every program on this machine, but not every page that
// is open there. AWS's clients send none of these headers but Host.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r.Host) || !sameOrigin(r) {
			http.Error(w, "localec2 only serves programs on this machine: use http://127.0.0.1, and no web page of another origin", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal reports whether a Host header names the loopback interface. Names below
// localhost are for S3, whose clients put the bucket in front.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// sameOrigin reports whether a request comes from no page, or from one of this
// server's.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	from, err := url.Parse(origin)
	return err == nil && from.Scheme == "http" && from.Host == r.Host
}
