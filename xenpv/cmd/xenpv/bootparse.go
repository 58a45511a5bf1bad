package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// parse turns the options' texts into the spec and the check. A port that the
// check needs and nobody published is forwarded from a free one.
func (o *bootOptions) parse(ctx context.Context) (check hypervisor.Check, err error) {
	for _, text := range o.publish {
		forward, err := parsePublish(text)
		if err != nil {
			return check, err
		}
		o.spec.Forwards = append(o.spec.Forwards, forward)
	}
	if err := o.parseNetwork(); err != nil || o.check == "" {
		return check, err
	}
	if check, err = hypervisor.ParseCheck(o.check); err != nil || check.Forwarded() == 0 {
		return check, err
	}
	for _, f := range o.spec.Forwards {
		if f.Proto == "tcp" && f.GuestPort == check.Forwarded() {
			return check, nil
		}
	}
	port, err := hypervisor.FreePort(ctx, "tcp")
	o.spec.Forwards = append(o.spec.Forwards, hypervisor.Forward{Proto: "tcp", Host: port, GuestPort: check.Forwarded()})
	return check, err
}

// parseNetwork reads the addresses that are compiled into the image.
func (o *bootOptions) parseNetwork() (err error) {
	if o.address != "" {
		if o.spec.Network.Address, err = netip.ParsePrefix(o.address); err != nil {
			return fmt.Errorf("--address %s: give an address with its subnet, such as 10.0.0.2/24", o.address)
		}
	}
	if o.gateway != "" {
		if o.spec.Network.Gateway, err = netip.ParseAddr(o.gateway); err != nil || o.address == "" {
			return fmt.Errorf("--gateway %s: give an IP address, and --address with it", o.gateway)
		}
	}
	return nil
}

func parsePublish(text string) (hypervisor.Forward, error) {
	wrong := fmt.Errorf("--publish %s: give [HOST:]PORT:GUESTPORT[/udp], such as 127.0.0.5:8080:80", text)
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
