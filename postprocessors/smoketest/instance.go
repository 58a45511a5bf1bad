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

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ec2ami"
)

// session is one region of one account.
type session = ec2ami.Session

// instance is a guest on EC2.
type instance struct {
	config  *Config
	connect func(context.Context) (*session, error)
	imageID string

	session  *ec2ami.Session
	plan     *ec2ami.LaunchPlan
	ledger   ec2ami.Ledger
	launched *ec2ami.Instance
	ended    bool
}

func (g *instance) launch(ctx context.Context, t *trial) (check.Target, error) {
	t.result.Subject.Kind, t.result.Subject.ID = "ami", g.imageID
	if err := g.prepare(ctx, t); err != nil {
		return check.Target{}, err
	}
	t.begin()
	var err error
	if g.launched, err = g.session.Launch(ctx, g.plan, &g.ledger); err != nil {
		return check.Target{}, err
	}
	in := g.launched
	for _, refused := range in.Refused {
		t.ui.Say("EC2 refused " + refused.Error())
	}
	t.result.Instance.ID, t.result.Instance.Type, t.result.Instance.Zone = in.ID, in.Type, in.Zone
	t.event("launched", "%s, %s in %s", in.ID, in.Type, in.Zone)
	t.ui.Say(fmt.Sprintf("launched %s: %s in %s", in.ID, in.Type, in.Zone))
	if err := g.session.AwaitRunning(ctx, in); err != nil {
		return check.Target{}, err
	}
	host, err := g.address()
	if err != nil {
		return check.Target{}, err
	}
	t.result.Instance.Address, t.result.Instance.PrivateAddress = host, in.PrivateIP
	t.ui.Say(fmt.Sprintf("%s is running after %.1f s, and is asked at %s", in.ID, time.Since(t.result.Started).Seconds(), host))
	return g.target(host), nil
}

// prepare connects and asks EC2 everything before something is created.
func (g *instance) prepare(ctx context.Context, t *trial) (err error) {
	g.session, err = g.connect(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(t.ports, ec2ami.Port{Protocol: "icmp"}) && g.session.Endpoint() == "" {
		if err := check.CanPing(); err != nil {
			return err // before anything is paid for
		}
	}
	request, err := g.request(t.ports)
	if err != nil {
		return err
	}
	g.plan, err = g.session.PlanLaunch(ctx, request)
	if err != nil {
		return err
	}
	s := &t.result.Subject
	s.Region, s.Name, s.Architecture, s.Kernel = g.session.Region, g.plan.Image.Name, g.plan.Image.Architecture, g.plan.Image.KernelID
	s.Environment, s.System = g.plan.Image.Tags[ec2ami.EnvironmentTag], g.plan.Image.Tags[ec2ami.SystemTag]
	t.ui.Say("smoke test: " + g.plan.String())
	return nil
}

// request says which instance is wanted.
func (g *instance) request(ports []ec2ami.Port) (ec2ami.LaunchRequest, error) {
	c := g.config
	userData, err := c.userData()
	if err != nil {
		return ec2ami.LaunchRequest{}, err
	}
	return ec2ami.LaunchRequest{
		RunID: uuid.TimeOrderedUUID(), ImageID: g.imageID, Name: "smoke test of " + g.imageID,
		InstanceTypes: c.InstanceTypes,
		SubnetID:      c.SubnetID, VPCID: c.VPCID, SubnetFilter: c.SubnetFilter.Filters, VPCFilter: c.VPCFilter.Filters, AvailabilityZone: c.AvailabilityZone,
		SecurityGroupIDs: c.SecurityGroupIDs, Ports: ports, SourceCIDRs: c.TemporarySecurityGroupSourceCIDRs,
		AssociatePublicIP: c.AssociatePublicIPAddress.ToBoolPointer(), PrivateIP: c.PrivateIPAddress,
		UserData: userData, IAMInstanceProfile: c.IAMInstanceProfile, SpotPrice: c.SpotPrice, Tags: c.RunTags,
	}, nil
}

// address is where the instance is asked.
func (g *instance) address() (string, error) {
	in := g.launched
	switch g.config.Address {
	case "public_ip":
		return in.PublicIP, noAddress(in.PublicIP, "public address", "set associate_public_ip_address = true, or address = \"private_ip\"")
	case "public_dns":
		return in.PublicDNS, noAddress(in.PublicDNS, "public DNS name", "turn DNS hostnames on in its VPC, and give it a public address; or use address = \"public_ip\"")
	case "private_ip":
		return in.PrivateIP, noAddress(in.PrivateIP, "private address", "see what EC2 says about it")
	case "ipv6":
		return in.IPv6, noAddress(in.IPv6, "IPv6 address", "have its subnet assign one to new interfaces, or use another address")
	}
	if in.PublicIP != "" {
		return in.PublicIP, nil
	}
	return in.PrivateIP, nil
}

func noAddress(address, what, remedy string) error {
	return wrong(address == "", "the instance has no %s: %s", what, remedy)
}

func (g *instance) target(host string) check.Target {
	target := check.Target{
		Host: host,
		Endpoint: func(_ string, port uint16) (string, error) {
			return net.JoinHostPort(host, strconv.Itoa(int(port))), nil
		},
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		// An embedded EC2: this machine would answer a ping to itself.
		target.Ping = func(ctx context.Context) error { return g.session.PingLocal(ctx, host) }
	}
	return target
}

// watch takes an instance whose network doesn't answer EC2's own check for
// lost, unless it has answered ours.
func (g *instance) watch(ctx context.Context, heard func() bool) error {
	err := g.session.WatchInstance(ctx, g.launched)
	for errors.Is(err, ec2ami.ErrImpaired) && heard() {
		err = g.session.WatchInstance(ctx, g.launched)
	}
	return err
}

func (g *instance) refuses() bool { return g.session.Endpoint() != "" } // an embedded EC2's are addresses of this machine

func (g *instance) network() string {
	return "on EC2 it must ask for its address by DHCP (LING: -dhcp; MirageOS: configured with dhcp; Rumprun: \"method\":\"dhcp\"), " +
		"or have the address compiled in that private_ip_address gives it; and security groups and routes must let the checks through"
}

func (g *instance) console(ctx context.Context) (string, error) {
	switch {
	case g.launched == nil:
		return "", errors.New("there was no instance")
	case g.ended:
		return g.session.FinalConsole(ctx, g.launched)
	}
	return g.session.Console(ctx, g.launched.ID)
}

func (g *instance) end(ctx context.Context, t *trial, keep bool) error {
	if keep {
		for _, line := range g.ledger.Keep() {
			t.ui.Say("kept, as keep_on_failure is set: " + line)
		}
		return nil
	}
	t.ui.Say("ending what the test made")
	removed, err := g.ledger.Undo(ctx, g.session.Waits)
	for _, id := range removed {
		t.ui.Say("removed " + id)
	}
	g.ended = true
	return err
}

// Tags of a tested AMI.
const (
	resultTag = "unikernel:smoke-test"      // "passed" or "failed"
	timeTag   = "unikernel:smoke-test-time" // RFC 3339, UTC
)

// tag puts the result on the AMI.
func (g *instance) tag(ctx context.Context, result string) error {
	err := g.session.TagImage(ctx, g.imageID, map[string]string{
		resultTag: result,
		timeTag:   time.Now().UTC().Format(time.RFC3339),
	})
	if err != nil {
		return fmt.Errorf("tag the AMI with %s=%s, which requires ec2:CreateTags: %w", resultTag, result, err)
	}
	return nil
}
