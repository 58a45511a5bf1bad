package instance

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Reach is the kind of address at which a test reaches its instance.
type Reach string

// Kinds of addresses. The zero value is the public address if the instance has
// one, and otherwise the private one.
const (
	ReachPublic  Reach = "public"
	ReachPrivate Reach = "private"
	ReachIPv6    Reach = "ipv6"
)

const (
	anyIPv4 = "0.0.0.0/0"
	anyIPv6 = "::/0"
)

// planSources decides who may use the ports that the temporary group opens: the
// user's blocks, or else the address from which this machine reaches the
// instance.
func planSources(ctx context.Context, s *cloud.Session, plan *Plan) error {
	if len(plan.SourceCIDRs) > 0 {
		return nil
	}
	ask := func() (netip.Addr, error) { return s.PublicIP(ctx) }
	if !plan.SourcePublicIP {
		plan.SourceCIDRs, plan.SourceUnknown = plan.defaultSources(s.Endpoint(), ask)
		return nil
	}
	if isLoopback(s.Endpoint()) {
		plan.SourceCIDRs = []string{"127.0.0.1/32"} // where a local EC2 sees this machine
		return nil
	}
	address, err := ask()
	if err != nil {
		return fmt.Errorf("{SourcePublicIP}: %w: set {SourceCIDRs} instead", err)
	}
	plan.SourceCIDRs = only(address)
	return nil
}

func only(address netip.Addr) []string {
	return []string{netip.PrefixFrom(address, address.BitLen()).String()}
}

func isLoopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// defaultSources is this machine's public address if the test will use that, and
// otherwise everybody; unknown is why the address isn't known. A custom endpoint
// may be anywhere, and nobody outside is asked on its behalf. A private address
// can't be reached from outside its network.
func (p *Plan) defaultSources(endpoint string, ask func() (netip.Addr, error)) (cidrs []string, unknown error) {
	public := func(subnet Subnet) bool { return subnet.PublicIP }
	switch {
	case p.Reach == ReachIPv6 && endpoint != "":
		return []string{anyIPv6}, nil
	case p.Reach == ReachIPv6:
		return []string{anyIPv6}, errors.New("it is looked up for IPv4 only")
	case endpoint != "", p.Reach == ReachPrivate, p.Reach == "" && !slices.ContainsFunc(p.Subnets, public):
		return []string{anyIPv4}, nil
	case p.Reach == "" && slices.ContainsFunc(p.Subnets, func(subnet Subnet) bool { return !subnet.PublicIP }):
		return []string{anyIPv4}, errors.New("only some of the subnets give the instance a public address")
	}
	address, err := ask()
	if err != nil {
		return []string{anyIPv4}, err
	}
	return only(address), nil
}
