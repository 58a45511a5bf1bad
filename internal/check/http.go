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
)

// HTTP sends one request to the guest, on a connection of its own, and judges
// the answer. There is no proxy and no cookie, redirects are answers like any
// other, and a body must come to its end or have 1 MiB.
type HTTP struct {
	TLS          bool
	Port         uint16
	Path         string            // with the query; "" is "/"
	Method       string            // "" is "GET"
	Headers      map[string]string // "Host" names the site that is asked for
	Status       int               // that is expected; 0 is any from 200 to 399
	BodyContains string            // in the first 1 MiB
	BodyMatches  string            // a regular expression (RE2), for the first 1 MiB
	ServerName   string            // of the certificate; "" is the endpoint's host
	SkipVerify   bool              // takes any certificate
}

// Bounds of what is read. Servers send less than 8 KiB of headers as a rule;
// what tells a good page from a bad one is seldom far from its beginning.
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

// Describe says what is asked.
func (c HTTP) Describe() string {
	about := fmt.Sprintf("%s %s on port %d", c.method(), c.path(), c.Port)
	if c.Status != 0 {
		about += fmt.Sprintf(", get status %d", c.Status)
	}
	if c.BodyContains != "" {
		about += ", get " + excerpt(c.BodyContains)
	}
	if c.BodyMatches != "" {
		about += ", get what matches " + excerpt(c.BodyMatches)
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
func (c HTTP) Probe(ctx context.Context, target Target) error {
	endpoint, err := target.endpoint("tcp", c.Port)
	if err != nil {
		return err
	}
	request, err := c.request(ctx, endpoint)
	if err != nil {
		return Impossible{fmt.Errorf("write the request: %w", err)}
	}
	conn, err := dial(ctx, "tcp", endpoint)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer closeWith(ctx, conn)()
	if c.TLS {
		if conn, err = c.secure(ctx, conn, endpoint); err != nil {
			return err
		}
	}
	if err := request.Write(conn); err != nil {
		return seen(ctx, err)
	}
	return c.read(ctx, conn, request)
}

// request is what Probe sends. Its headers are in no error, as they may be
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

// secure makes TLS of a connection.
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
		InsecureSkipVerify: c.SkipVerify, //nolint:gosec // G402: as the user says
	})
	err := secured.HandshakeContext(ctx)
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return nil, fmt.Errorf("certificate refused: %s (server_name names another host, skip_verify takes any certificate)", oneLine(refused.Err.Error()))
	}
	if garbage, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return nil, fmt.Errorf("answer is no TLS: %s", excerpt(garbage.RecordHeader[:]))
	}
	if err != nil {
		return nil, seen(ctx, err)
	}
	return secured, nil
}

// read reads the answer and judges it.
func (c HTTP) read(ctx context.Context, conn io.Reader, request *http.Request) error {
	limited := &io.LimitedReader{R: conn, N: maxHeader}
	response, err := readHeader(bufio.NewReader(limited), request) //nolint:bodyclose // closing it would read all of it; Probe closes the connection
	if err != nil {
		if limited.N <= 0 {
			return fmt.Errorf("header has more than %d KiB", maxHeader>>10)
		}
		return seen(ctx, err)
	}
	limited.N = math.MaxInt64 // the body has a limit of its own
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("status %s and %d bytes of the body, then %w", statusLine(response), len(body), seen(ctx, err))
	}
	return c.judge(response, body)
}

// readHeader reads up to the body. Answers of status 1xx only announce another
// (RFC 9110, 15.2).
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

func (c HTTP) judge(response *http.Response, body []byte) error {
	status := statusLine(response)
	switch code := response.StatusCode; {
	case c.Status != 0 && code != c.Status:
		return fmt.Errorf("status %s, not %d: %s", status, c.Status, excerpt(body))
	case c.Status == 0 && (code < http.StatusOK || code >= http.StatusBadRequest):
		return fmt.Errorf("status %s: %s", status, excerpt(body))
	}
	missing, err := lacks(string(body), c.BodyContains, c.BodyMatches)
	if err != nil || missing == "" {
		return err
	}
	if len(body) == maxBody {
		missing += " in its first MiB"
	}
	return fmt.Errorf("body has %s: %s", missing, excerpt(body))
}

// statusLine is for example "404 Not Found". The words are the guest's.
func statusLine(response *http.Response) string { return oneLine(strings.TrimSpace(response.Status)) }
