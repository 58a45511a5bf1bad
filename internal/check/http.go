package check

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"time"
)

// HTTP sends one request to the guest, on a new connection, and checks the
// response. It uses no proxy and no cookies, and does not follow redirects. The
// body must be complete or have at least 1 MiB.
type HTTP struct {
	TLS          bool
	Port         uint16
	Path         string            // including the query; "" is "/"
	Method       string            // "" is "GET"
	Headers      map[string]string // "Host" is the site's name
	Status       int               // expected; 0 is any from 200 to 399
	BodyContains string            // in the first 1 MiB
	BodyMatches  string            // a regular expression (RE2), for the first 1 MiB
	ServerName   string            // of the certificate; "" is the endpoint's host
	SkipVerify   bool              // accept any certificate
}

// Bounds of what is read. Servers usually send less than 8 KiB of headers, and
// what identifies a page is usually near its beginning.
const (
	maxHeader = 64 << 10
	maxBody   = 1 << 20
)

// Kind is "http" or "https".
func (c HTTP) Kind() string {
	if c.TLS {
		return "https"
	}
	return "http"
}

// Ingress returns the TCP port.
func (c HTTP) Ingress() (protocol string, port uint16) { return "tcp", c.Port }

// Describe returns a short description.
func (c HTTP) Describe() string {
	about := fmt.Sprintf("%s %s on port %d", c.method(), c.path(), c.Port)
	if c.Status != 0 {
		about += fmt.Sprintf(", expect status %d", c.Status)
	}
	if c.BodyContains != "" {
		about += ", expect " + excerpt(c.BodyContains)
	}
	if c.BodyMatches != "" {
		about += ", expect a match of " + excerpt(c.BodyMatches)
	}
	return about
}

func (c HTTP) method() string {
	if c.Method == "" {
		return http.MethodGet
	}
	return c.Method
}

func (c HTTP) path() string {
	if c.Path == "" {
		return "/"
	}
	return c.Path
}

// Probe makes one request.
func (c HTTP) Probe(ctx context.Context, target Target) (string, error) {
	endpoint, err := target.endpoint("tcp", c.Port)
	if err != nil {
		return "", err
	}
	request, err := c.request(ctx, endpoint)
	if err != nil {
		return "", Impossible{fmt.Errorf("create the request: %w", err)}
	}
	conn, err := dial(ctx, "tcp", endpoint)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer closeWith(ctx, conn)()
	if c.TLS {
		if conn, err = c.secure(ctx, conn, endpoint); err != nil {
			return "", err
		}
	}
	if err := request.Write(conn); err != nil {
		return "", networkError(ctx, err)
	}
	evidence, err := c.read(ctx, conn, request)
	if secured, ok := conn.(*tls.Conn); ok && err == nil {
		evidence += "; " + certificateText(secured)
	}
	return evidence, err
}

// request is what Probe sends. Errors never include its headers, which may be
// secret.
func (c HTTP) request(ctx context.Context, endpoint string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, c.method(), "http://guest"+c.path(), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Host = endpoint
	request.Close = true
	for name, value := range c.Headers {
		if http.CanonicalHeaderKey(name) == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	return request, nil
}

// secure makes the TLS handshake on a connection.
func (c HTTP) secure(ctx context.Context, conn net.Conn, endpoint string) (net.Conn, error) {
	name := c.ServerName
	if name == "" {
		host, _, err := net.SplitHostPort(endpoint)
		if err != nil {
			return nil, err
		}
		name = host
	}
	secured := tls.Client(conn, &tls.Config{
		ServerName:         name,
		InsecureSkipVerify: c.SkipVerify, //nolint:gosec // G402: the user's choice
	})
	err := secured.HandshakeContext(ctx)
	if rejected, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return nil, fmt.Errorf("certificate rejected: %s (set server_name to expect another name, or skip_verify to accept any certificate)", oneLine(rejected.Err.Error()))
	}
	if garbage, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return nil, fmt.Errorf("response is not TLS: %s", excerpt(garbage.RecordHeader[:]))
	}
	if err != nil {
		return nil, networkError(ctx, err)
	}
	return secured, nil
}

// read reads the response and checks it.
func (c HTTP) read(ctx context.Context, conn io.Reader, request *http.Request) (string, error) {
	limited := &io.LimitedReader{R: conn, N: maxHeader}
	response, err := readHeader(bufio.NewReader(limited), request) //nolint:bodyclose // closing it would read the rest; Probe closes the connection
	if err != nil {
		if limited.N <= 0 {
			return "", fmt.Errorf("header is larger than %d KiB", maxHeader>>10)
		}
		return "", networkError(ctx, err)
	}
	limited.N = math.MaxInt64 // the body has a limit of its own
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return "", fmt.Errorf("status %s, then %d bytes of the body, then %w", statusLine(response), len(body), networkError(ctx, err))
	}
	if err := c.verify(response, body); err != nil {
		return "", err
	}
	return fmt.Sprintf("status %s, %s: %s", statusLine(response), bytesText(len(body)), excerpt(body)), nil
}

// readHeader reads up to the body. It skips interim responses, those of status
// 1xx (RFC 9110, 15.2).
func readHeader(r *bufio.Reader, request *http.Request) (*http.Response, error) {
	if _, err := r.Peek(1); err != nil {
		return nil, err
	}
	for {
		response, err := http.ReadResponse(r, request)
		if err != nil || response.StatusCode >= http.StatusOK {
			return response, err
		}
	}
}

func (c HTTP) verify(response *http.Response, body []byte) error {
	status := statusLine(response)
	switch code := response.StatusCode; {
	case c.Status != 0 && code != c.Status:
		return fmt.Errorf("status %s, want %d: %s", status, c.Status, excerpt(body))
	case c.Status == 0 && (code < http.StatusOK || code >= http.StatusBadRequest):
		return fmt.Errorf("status %s: %s", status, excerpt(body))
	}
	missing, err := missingFrom(string(body), c.BodyContains, c.BodyMatches)
	if err != nil || missing == "" {
		return err
	}
	if len(body) == maxBody {
		missing += " in the first MiB"
	}
	return fmt.Errorf("body %s: %s", missing, excerpt(body))
}

// statusLine is for example "404 Not Found". The text is the guest's.
func statusLine(response *http.Response) string { return oneLine(strings.TrimSpace(response.Status)) }

// certificateText describes the certificate of a connection.
func certificateText(conn *tls.Conn) string {
	chain := conn.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return "no certificate"
	}
	return fmt.Sprintf("certificate of %s, valid until %s", excerpt(chain[0].Subject.String()), chain[0].NotAfter.UTC().Format(time.DateOnly))
}
