package check

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func trustTestCertificate() (string, error) {
	server := httptest.NewTLSServer(nil)
	server.Close()
	file, err := os.CreateTemp("", "roots-*.pem")
	if err != nil {
		return "", err
	}
	defer file.Close()
	os.Setenv("SSL_CERT_FILE", file.Name())
	os.Setenv("SSL_CERT_DIR", os.DevNull)
	return file.Name(), pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// site selects its response by the path.
func site() http.Handler {
	mux := http.NewServeMux()
	status := func(path string, code int, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, body)
		})
	}
	status("/{$}", http.StatusOK, "<h1>hello, world</h1>")
	status("/created", http.StatusCreated, "")
	status("/moved", http.StatusFound, "go to /")
	status("/missing", http.StatusNotFound, "no\x1b[31msuch page\n")
	status("/starting", http.StatusServiceUnavailable, strings.Repeat("starting ", 100))
	status("/own", 599, "")
	mux.HandleFunc("/request", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s host=%s x=%s agent=%s close=%t", r.Method, r.URL.RequestURI(), r.Host, r.Header.Get("X-Test"), r.UserAgent(), r.Close)
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("a", maxBody-2)+"zebra")
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for chunk := strings.Repeat("a", 1<<16); ; {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	})
	return mux
}

func TestHTTP(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	server := httptest.NewServer(site())
	defer server.Close()
	port := portOf(server.Listener.Addr())
	tests := map[string]struct {
		check HTTP
		want  string
	}{
		"default status":          {check: HTTP{}},
		"2xx":                     {check: HTTP{Path: "/created"}},
		"redirect":                {check: HTTP{Path: "/moved"}},
		"redirect isn't followed": {check: HTTP{Path: "/moved", Status: 302, BodyContains: "go to /"}},
		"expected status":         {check: HTTP{Path: "/missing", Status: 404}},
		"contains":                {check: HTTP{BodyContains: "hello"}},
		"matches":                 {check: HTTP{BodyMatches: `<h1>\w+, world</h1>$`}},
		"host and headers": {check: HTTP{
			Path: "/request?a=1&b=%20", Method: "PUT", Headers: map[string]string{"host": "www.example.com:8080", "x-test": "1", "User-Agent": "me"},
			BodyContains: "PUT /request?a=1&b=%20 host=www.example.com:8080 x=1 agent=me close=true"}},
		"own host":            {check: HTTP{Path: "/request", BodyContains: fmt.Sprintf("host=127.0.0.1:%d ", port)}},
		"HEAD":                {check: HTTP{Method: "HEAD"}},
		"first MiB":           {check: HTTP{Path: "/large", BodyMatches: "ze$"}},
		"endless":             {check: HTTP{Path: "/endless", BodyContains: "aaa"}},
		"bad status":          {check: HTTP{Path: "/missing"}, want: `status 404 Not Found: "no\x1b[31msuch page\n"`},
		"long error page":     {check: HTTP{Path: "/starting"}, want: `status 503 Service Unavailable: "` + strings.Repeat("starting ", 100)[:200] + `"...`},
		"nameless status":     {check: HTTP{Path: "/own"}, want: `status 599 status code 599: ""`},
		"other status":        {check: HTTP{Status: 201}, want: `status 200 OK, want 201: "<h1>hello, world</h1>"`},
		"does not contain":    {check: HTTP{BodyContains: "bye"}, want: `body does not contain "bye": "<h1>hello, world</h1>"`},
		"does not match":      {check: HTTP{BodyMatches: "^hello"}, want: `body does not match "^hello": "<h1>hello, world</h1>"`},
		"after the first MiB": {check: HTTP{Path: "/large", BodyContains: "zebra"}, want: `body does not contain "zebra" in the first MiB: "` + strings.Repeat("a", 200) + `"...`},
		"endless, not found":  {check: HTTP{Path: "/endless", BodyContains: "b"}, want: `body does not contain "b" in the first MiB: "` + strings.Repeat("a", 200) + `"...`},
		"no TLS":              {check: HTTP{TLS: true}, want: `response is not TLS: "HTTP/"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.check.Port = port
			expect(t, probe(t, test.check, here("127.0.0.1"), 10*time.Second), test.want)
		})
	}
}

func TestHTTPS(t *testing.T) {
	server := httptest.NewUnstartedServer(site())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // rejected certificates are expected
	server.StartTLS()
	defer server.Close()
	port := portOf(server.Listener.Addr())
	const remedy = " (set server_name to expect another name, or skip_verify to accept any certificate)"
	tests := map[string]struct {
		check HTTP
		host  string
		want  string
	}{
		"address in the certificate": {check: HTTP{BodyContains: "hello"}, host: "127.0.0.1"},
		"another address":            {check: HTTP{}, host: "127.0.0.2", want: "certificate rejected: x509: certificate is valid for 127.0.0.1, ::1, not 127.0.0.2" + remedy},
		"name in the certificate":    {check: HTTP{ServerName: "example.com"}, host: "127.0.0.2"},
		"another name":               {check: HTTP{ServerName: "other.example"}, host: "127.0.0.1", want: "certificate rejected: x509: certificate is valid for example.com, *.example.com, not other.example" + remedy},
		"unverified":                 {check: HTTP{SkipVerify: true}, host: "127.0.0.2"},
		"bad status":                 {check: HTTP{Path: "/missing"}, host: "127.0.0.1", want: `status 404 Not Found: "no\x1b[31msuch page\n"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.check.TLS, test.check.Port = true, port
			target := here(test.host)
			if test.host != "127.0.0.1" {
				target.Endpoint = forwardTo(t, test.host, port)
			}
			expect(t, probe(t, test.check, target, 10*time.Second), test.want)
		})
	}
}

// forwardTo listens on another loopback address and forwards connections to a
// port of 127.0.0.1.
func forwardTo(t *testing.T, host string, port uint16) func(string, uint16) (string, error) {
	t.Helper()
	listener, err := net.Listen("tcp4", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp4", net.JoinHostPort("127.0.0.1", itoa(port)))
			if err != nil {
				near.Close()
				return
			}
			go func() { io.Copy(far, near); far.Close() }()
			go func() { io.Copy(near, far); near.Close() }()
		}
	}()
	return func(string, uint16) (string, error) { return listener.Addr().String(), nil }
}

// Header values, which may be secret, are never shown.
func TestHeadersStaySecret(t *testing.T) {
	server := httptest.NewServer(site())
	defer server.Close()
	c := HTTP{Port: portOf(server.Listener.Addr()), Path: "/missing", Headers: map[string]string{"Authorization": "Bearer secret"}}
	bad := c
	bad.Headers = map[string]string{"Authorization": "Bearer secret\n", "Content-Length": "secret", "Host": "secret secret"}
	_, impossible := bad.Probe(t.Context(), here("127.0.0.1"))
	for what, text := range map[string]string{
		"Probe":      probe(t, c, here("127.0.0.1"), 10*time.Second),
		"Describe":   c.Describe(),
		"Validate":   fmt.Sprint(bad.Validate()),
		"Impossible": fmt.Sprint(impossible),
	} {
		if strings.Contains(text, "secret") {
			t.Errorf("%s shows a header's value: %s", what, text)
		}
	}
}
