package smoketest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/uuid"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/instance"
)

// ec2Instance is a guest on EC2.
type ec2Instance struct {
	config  *Config
	connect func(context.Context) (*cloud.Session, error)
	imageID string

	session  *cloud.Session
	plan     *instance.Plan
	ledger   cloud.Ledger
	launched *instance.Instance
	ended    bool
}

func (g *ec2Instance) launch(ctx context.Context, t *trial) (check.Target, error) {
	t.result.Subject.Kind, t.result.Subject.ID = "ami", g.imageID
	if err := g.prepare(ctx, t); err != nil {
		return check.Target{}, component.Explain(err)
	}
	t.begin()
	g.plan.Launched = func(in *instance.Instance) { g.say(t, in) }
	var err error
	if g.launched, err = instance.Launch(ctx, g.session, g.plan, &g.ledger); err != nil {
		return check.Target{}, component.Explain(err)
	}
	in := g.launched
	for _, refused := range in.Refused {
		t.ui.Say("no capacity: " + refused.Error())
	}
	host, err := g.address()
	if err != nil {
		return check.Target{}, err
	}
	t.result.Instance.Address, t.result.Instance.PrivateAddress = host, in.PrivateIP
	t.ui.Say(fmt.Sprintf("%s: running after %.1f s; checking %s", in.ID, time.Since(t.result.Started).Seconds(), host))
	return g.target(host), nil
}

// say tells the user of an instance that EC2 has accepted.
func (g *ec2Instance) say(t *trial, in *instance.Instance) {
	t.result.Instance.ID, t.result.Instance.Type, t.result.Instance.Zone = in.ID, in.Type, in.Zone
	t.event("launched", "%s, %s in %s", in.ID, in.Type, in.Zone)
	t.ui.Say(fmt.Sprintf("launched %s: %s in %s", in.ID, in.Type, in.Zone))
}

// prepare connects to EC2 and plans the launch. It creates nothing.
func (g *ec2Instance) prepare(ctx context.Context, t *trial) (err error) {
	g.session, err = g.connect(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(t.ports, instance.Port{Protocol: "icmp"}) && g.session.Endpoint() == "" {
		if err := check.CanPing(); err != nil {
			return err // before anything is paid for
		}
	}
	request, err := g.config.request()
	if err != nil {
		return err
	}
	request.RunID, request.ImageID, request.Name, request.Ports = uuid.TimeOrderedUUID(), g.imageID, "smoke test of "+g.imageID, t.ports
	g.plan, err = instance.NewPlan(ctx, g.session, request)
	if err != nil {
		return err
	}
	s := &t.result.Subject
	s.Region, s.Name, s.Architecture, s.Kernel = g.session.Region, g.plan.Image.Name, g.plan.Image.Architecture, g.plan.Image.KernelID
	s.Environment, s.System = g.plan.Image.Tags[cloud.EnvironmentTag], g.plan.Image.Tags[cloud.SystemTag]
	t.ui.Say("smoke test: " + g.plan.String())
	if unknown := g.plan.SourceUnknown; unknown != nil {
		t.ui.Say(fmt.Sprintf("warning: any address can reach the ports of the checks, because this machine's own isn't known: %v; "+
			"set temporary_security_group_source_cidrs to limit this", unknown))
	}
	return nil
}

// address is where the checks reach the instance.
func (g *ec2Instance) address() (string, error) {
	in := g.launched
	switch g.config.Address {
	case "public_ip":
		return in.PublicIP, noAddress(in.PublicIP, "public address", "set associate_public_ip_address = true, or address = \"private_ip\"")
	case "public_dns":
		return in.PublicDNS, noAddress(in.PublicDNS, "public DNS name", "enable DNS hostnames in its VPC and assign a public IP address, or set address = \"public_ip\"")
	case "private_dns":
		return in.PrivateDNS, noAddress(in.PrivateDNS, "private DNS name", "enable DNS resolution in its VPC, or set address = \"private_ip\"")
	case "private_ip":
		return in.PrivateIP, noAddress(in.PrivateIP, "private address", "see its details in the EC2 console")
	case "ipv6":
		return in.IPv6, noAddress(in.IPv6, "IPv6 address", "let its subnet assign IPv6 addresses to new interfaces, or use another address")
	}
	if in.PublicIP != "" {
		return in.PublicIP, nil
	}
	return in.PrivateIP, nil
}

func noAddress(address, what, remedy string) error {
	return wrong(address == "", "the instance has no %s: %s", what, remedy)
}

func (g *ec2Instance) target(host string) check.Target {
	target := check.Target{
		Host: host,
		Endpoint: func(_ string, port uint16) (string, error) {
			return net.JoinHostPort(host, strconv.Itoa(int(port))), nil
		},
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		// A local EC2: this machine itself would respond to a ping.
		target.Ping = func(ctx context.Context) error { return pingLoopback(ctx, g.session.Endpoint(), host) }
	}
	return target
}

// watch ends the test if the instance fails EC2's own network check, unless it
// has responded to one of ours.
func (g *ec2Instance) watch(ctx context.Context, heard func() bool) error {
	err := instance.Watch(ctx, g.session, g.launched)
	for errors.Is(err, instance.ErrImpaired) && heard() {
		err = instance.Watch(ctx, g.session, g.launched)
	}
	return err
}

func (g *ec2Instance) refuses() bool { return g.session.Endpoint() != "" } // the addresses of a local EC2 are this machine's

func (g *ec2Instance) network() string {
	return "on EC2 it must use DHCP (LING: -dhcp; MirageOS: configured with dhcp; Rumprun: \"method\":\"dhcp\"), " +
		"or have the address set in private_ip_address compiled in; security groups and routes must allow the checks"
}

func (g *ec2Instance) console(ctx context.Context) (string, error) {
	switch {
	case g.launched == nil:
		return "", errors.New("no instance was launched")
	case g.ended:
		return instance.FinalConsole(ctx, g.session, g.launched)
	}
	return instance.Console(ctx, g.session, g.launched.ID)
}

func (g *ec2Instance) end(ctx context.Context, t *trial, keep bool) error {
	if keep {
		for _, line := range g.ledger.Keep() {
			t.ui.Say("kept (keep_on_failure): " + line)
		}
		return nil
	}
	t.ui.Say("cleaning up")
	removed, err := g.ledger.Undo(ctx)
	for _, id := range removed {
		t.ui.Say("removed " + id)
	}
	g.ended = true
	return err
}

// tag puts the result on the AMI.
func (g *ec2Instance) tag(ctx context.Context, result string) error {
	err := ami.Tag(ctx, g.session, g.imageID, map[string]string{
		cloud.ResultTag: result,
		cloud.TimeTag:   time.Now().UTC().Format(time.RFC3339),
	})
	if err != nil {
		return fmt.Errorf("tag the AMI with %s=%s, which requires ec2:CreateTags: %w", cloud.ResultTag, result, err)
	}
	return nil
}
