package main

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// parse parses the options into the spec and the check, which is nil without
// --check. Unless the check's port is published, it is forwarded from a free port.
func (o *bootOptions) parse(ctx context.Context) (check.Check, error) {
	for _, text := range o.publish {
		forward, err := parsePublish(text)
		if err != nil {
			return nil, err
		}
		o.spec.Forwards = append(o.spec.Forwards, forward)
	}
	if err := o.parseNetwork(); err != nil || o.check == "" {
		return nil, err
	}
	parsed, err := parseCheck(o.check)
	http, forwarded := parsed.(check.HTTP)
	if err != nil || !forwarded {
		return parsed, err
	}
	if _, err := o.endpoint("tcp", http.Port); err == nil {
		return parsed, nil
	}
	port, err := hypervisor.FreePort(ctx, "tcp")
	o.spec.Forwards = append(o.spec.Forwards, hypervisor.Forward{Proto: "tcp", Host: port, GuestPort: http.Port})
	return parsed, err
}

// endpoint returns the address on this machine of a port of the guest.
func (o *bootOptions) endpoint(network string, port uint16) (string, error) {
	for _, f := range o.spec.Forwards {
		if f.Proto == network && f.GuestPort == port {
			return f.Host.String(), nil
		}
	}
	return "", fmt.Errorf("the guest's %s port %d isn't forwarded", network, port)
}

// parseCheck parses a check: "http://:80/path" (any status below 400), "tcp://:22"
// (the guest accepts a connection) or "icmp://" (it replies to a ping).
func parseCheck(text string) (check.Check, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("--check %s: %w", text, err)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if u.Port() == "" && u.Scheme == "http" {
		port, err = 80, nil
	}
	switch {
	case u.Hostname() != "":
	case u.Scheme == "http" && err == nil && port != 0:
		return check.HTTP{Port: uint16(port), Path: u.RequestURI()}, nil
	case u.Scheme == "tcp" && err == nil && port != 0:
		return check.TCP{Port: uint16(port)}, nil
	case u.Scheme == "icmp" && u.Host == "":
		return check.ICMP{}, nil
	}
	return nil, fmt.Errorf("--check %q: specify http://:80/path, tcp://:22 or icmp:// (the host is always the guest)", text)
}

// parseNetwork parses the addresses that are compiled into the image.
func (o *bootOptions) parseNetwork() (err error) {
	if o.address != "" {
		if o.spec.Network.Address, err = netip.ParsePrefix(o.address); err != nil {
			return fmt.Errorf("--address %s: specify an address with its subnet, such as 10.0.0.2/24", o.address)
		}
	}
	if o.gateway != "" {
		if o.spec.Network.Gateway, err = netip.ParseAddr(o.gateway); err != nil || o.address == "" {
			return fmt.Errorf("--gateway %s: specify an IP address, and --address", o.gateway)
		}
	}
	return nil
}

func parsePublish(text string) (hypervisor.Forward, error) {
	wrong := fmt.Errorf("--publish %s: specify [HOST:]PORT:GUESTPORT[/udp], such as 127.0.0.5:8080:80", text)
	ports, proto, ok := strings.Cut(text, "/")
	if !ok {
		proto = "tcp"
	}
	last := strings.LastIndex(ports, ":")
	if last < 0 {
		return hypervisor.Forward{}, wrong
	}
	host := ports[:last]
	if !strings.Contains(host, ":") {
		host = "127.0.0.1:" + host
	}
	from, err := netip.ParseAddrPort(host)
	to, err2 := strconv.ParseUint(ports[last+1:], 10, 16)
	if err != nil || err2 != nil {
		return hypervisor.Forward{}, wrong
	}
	return hypervisor.Forward{Proto: proto, Host: from, GuestPort: uint16(to)}, nil
}
