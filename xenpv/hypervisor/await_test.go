package hypervisor

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// await makes a check until it passes: "http://:80/path", "tcp://:22" or
// "icmp://".
func await(t testing.TB, d *Domain, text string, limit time.Duration) error {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.ParseUint(u.Port(), 10, 16) // ICMP has none
	question := map[string]check.Check{
		"http": check.HTTP{Port: uint16(port), Path: u.RequestURI()},
		"tcp":  check.TCP{Port: uint16(port)},
		"icmp": check.ICMP{},
	}[u.Scheme]
	run := check.Run{
		Plans: []check.Plan{{Check: question, Timeout: 10 * time.Second, Interval: time.Second, Consecutive: 1}},
		Target: check.Target{
			Endpoint: d.endpoint, Ping: d.Ping, Connect: d.Connect,
		},
		Timeout: limit,
		Watch: func(ctx context.Context) error {
			if _, err := d.Wait(ctx); ctx.Err() != nil || err != nil {
				return err
			}
			return ErrEnded
		},
	}
	_, err = run.Do(t.Context())
	return err
}

// endpoint is where a port of the guest is reached.
func (d *Domain) endpoint(network string, port uint16) (string, error) {
	for _, f := range d.spec.Forwards {
		if f.Proto == network && f.GuestPort == port {
			return f.Host.String(), nil
		}
	}
	return "", fmt.Errorf("port %d is not forwarded", port)
}
