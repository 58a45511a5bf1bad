package smoketest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// pingLoopback has a local EC2 ping its guest at an address of this machine's
// loopback range: a ping from here would be answered by this machine itself.
// The endpoint must serve the path /_localec2/ping, which AWS doesn't have.
func pingLoopback(ctx context.Context, endpoint, address string) error {
	if endpoint == "" {
		return fmt.Errorf("%s is an address of this machine: it would answer itself", address)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/_localec2/ping?address="+url.QueryEscape(address), nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s to ping %s: %w", endpoint, address, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	const sentence = 1 << 10 // bytes, and more than the endpoint says
	text, err := io.ReadAll(io.LimitReader(response.Body, sentence))
	if err != nil {
		return fmt.Errorf("ask %s to ping %s: %w", endpoint, address, err)
	}
	return errors.New(strings.TrimSpace(string(text)))
}
