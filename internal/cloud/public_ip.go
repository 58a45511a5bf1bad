package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

const (
	// checkIP answers with the caller's public IPv4 address. It is Amazon's own,
	// and what packer-plugin-amazon asks.
	checkIP = "https://checkip.amazonaws.com"

	// checkIPTimeout bounds the question. It is usually answered in a fraction of a
	// second, and where outbound connections are dropped, nobody wants to wait for
	// a default.
	checkIPTimeout = 5 * time.Second
)

// PublicIP asks Amazon for the public IPv4 address of this machine. Behind a
// proxy the answer would be the proxy's address, so it is an error.
func (s *Session) PublicIP(ctx context.Context) (netip.Addr, error) {
	address, err := s.askPublicIP(ctx, checkIP)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("look up the public address of this machine: %w", err)
	}
	return address, nil
}

func (s *Session) askPublicIP(ctx context.Context, url string) (netip.Addr, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkIPTimeout, fmt.Errorf("no response from %s within %s", url, checkIPTimeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return netip.Addr{}, err
	}
	if proxy, err := http.ProxyFromEnvironment(request); err != nil || proxy != nil {
		return netip.Addr{}, errors.New("this machine uses an HTTP proxy, whose address would be found")
	}
	response, err := s.EC2.Options().HTTPClient.Do(request)
	if ctx.Err() != nil {
		return netip.Addr{}, context.Cause(ctx)
	}
	if err != nil {
		return netip.Addr{}, fmt.Errorf("no response from %s: %w", url, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64)) // an address has at most 39 characters
	address, malformed := netip.ParseAddr(strings.TrimSpace(string(text)))
	if err != nil || response.StatusCode != http.StatusOK || malformed != nil || !address.Is4() {
		return netip.Addr{}, fmt.Errorf("%s returned no IPv4 address: status %d, %.40q", url, response.StatusCode, text)
	}
	return address, nil
}
