package localec2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"time"
)

// accountID matches an account's number.
var accountID = regexp.MustCompile(`^\d{12}$`)

// Running is a listening server.
type Running struct {
	*Server
	http *http.Server
	addr string
	done chan error
}

// Start creates a server that listens on Options.Listen. The address must be a
// loopback address, because the server trusts every caller.
func Start(opts Options) (*Running, error) {
	s := New(opts)
	if !accountID.MatchString(s.opts.Account) {
		return nil, fmt.Errorf("start localec2: %q is not an account; use 12 digits", s.opts.Account)
	}
	if err := s.opts.checkInstances(); err != nil {
		return nil, fmt.Errorf("start localec2: %w", err)
	}
	if err := checkLoopback(s.opts.Listen); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", s.opts.Listen, err)
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", s.opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("start localec2: %w", err)
	}
	r := &Running{Server: s, addr: l.Addr().String(), done: make(chan error, 1)}
	r.http = &http.Server{
		Handler:           localOnly(s),
		ReadHeaderTimeout: 30 * time.Second, // a client that is silent for that long is gone
		ReadTimeout:       5 * time.Minute,  // ample for the largest body on the loopback interface
		MaxHeaderBytes:    64 << 10,         // signatures, tokens and tags need a few KiB
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() { r.done <- r.http.Serve(l) }()
	return r, nil
}

func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q is not a loopback address; use 127.0.0.1, [::1] or localhost", host)
	}
	return nil
}

// URL returns the endpoint of all services.
func (r *Running) URL() string { return "http://" + r.addr }

// Env returns environment variables that point the AWS SDKs at the server.
func (r *Running) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + r.URL(),
		"AWS_ACCESS_KEY_ID=AKIALOCALEC2EXAMPLE",
		"AWS_SECRET_ACCESS_KEY=localec2",
		"AWS_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// Close stops the server at once, including calls in progress, and ends all
// instances.
func (r *Running) Close() error {
	err := r.http.Close()
	r.Server.Close()
	if served := <-r.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
