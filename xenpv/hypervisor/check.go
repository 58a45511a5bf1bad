package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

// Check is a way to tell that a guest is reachable.
type Check struct {
	scheme string
	port   uint16
	path   string
}

// ParseCheck reads a check: "http://:80/path" (any answer below status 400),
// "tcp://:22" (the guest accepts a connection) or "icmp://" (it answers a ping).
func ParseCheck(s string) (Check, error) {
	u, err := url.Parse(s)
	if err != nil {
		return Check{}, fmt.Errorf("read the check: %w", err)
	}
	c := Check{scheme: u.Scheme, path: u.RequestURI()}
	port := u.Port()
	if port == "" && c.scheme == "http" {
		port = "80"
	}
	number, err := strconv.ParseUint(port, 10, 16)
	wantsPort := c.scheme == "http" || c.scheme == "tcp"
	switch {
	case !wantsPort && c.scheme != "icmp", u.Hostname() != "", wantsPort != (err == nil && number != 0), !wantsPort && u.Host != "":
		return Check{}, fmt.Errorf("the check %q is none of http://:80/path, tcp://:22 and icmp:// (the host is always the guest)", s)
	}
	c.port = uint16(number)
	return c, nil
}

// Forwarded returns the guest's TCP port that must be forwarded for the check,
// or 0: TCP and ICMP are probed from dom0. A connection to a forwarded port that
// isn't gated would prove nothing, as QEMU accepts it before the guest does.
func (c Check) Forwarded() uint16 {
	if c.scheme == "http" {
		return c.port
	}
	return 0
}

// Await returns as soon as the check has passed. It fails when ctx is done,
// when the domain has ended, and when the port isn't forwarded.
func (d *Domain) Await(ctx context.Context, c Check) error {
	if c.scheme != "http" {
		return d.awaitProbe(ctx, c.port)
	}
	for _, f := range d.spec.Forwards {
		if f.Proto == "tcp" && f.GuestPort == c.port {
			return d.awaitHTTP(ctx, f.Host, c.path)
		}
	}
	return fmt.Errorf("check http: the guest's port %d is not forwarded", c.port)
}

// refusedPause is the pause after a guest has refused a connection.
const refusedPause = 100 * time.Millisecond

// awaitProbe has dom0 probe a TCP port, or the guest's ICMP where port is 0.
func (d *Domain) awaitProbe(ctx context.Context, port uint16) error {
	var refused error // the last that was seen, which tells more than the time's end
	for {
		err := d.probe(ctx, port)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			refused = err
		case refused != nil && ctx.Err() != nil:
			return fmt.Errorf("%w: %w", refused, context.Cause(ctx))
		default:
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(refusedPause):
		}
	}
}

// The first attempts are short, as a request that comes before the guest
// listens is not answered later; each next one may take longer, so that a slow
// guest gets its chance.
const (
	firstAttempt = 200 * time.Millisecond
	lastAttempt  = 15 * time.Second
	attemptPause = 20 * time.Millisecond
)

func (d *Domain) awaitHTTP(ctx context.Context, host netip.AddrPort, path string) error {
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var last error
	for limit := firstAttempt; ; limit = min(limit*3/2, lastAttempt) {
		err := get(ctx, &client, "http://"+host.String()+path, limit)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err // an attempt that ctx cut short tells nothing
		}
		select {
		case <-d.done:
			return d.ended()
		case <-ctx.Done():
			return fmt.Errorf("no good answer: %w (last attempt: %w)", context.Cause(ctx), last)
		case <-time.After(attemptPause):
		}
	}
}

func get(ctx context.Context, client *http.Client, url string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, response.Body, 1) // the header alone may be all that a dying guest sends
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("status %s", response.Status)
	}
	return errors.Join(err, response.Body.Close())
}
