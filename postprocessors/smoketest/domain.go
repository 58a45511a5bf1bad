package smoketest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// domain is a guest under Xen in QEMU, on this machine.
type domain struct {
	config *Config
	disk   string
	hvm    bool
	memory int // MiB

	running *hypervisor.Domain
	screen  screen
}

func (g *domain) launch(ctx context.Context, t *trial) (check.Target, error) {
	t.result.Subject.Kind, t.result.Subject.ID = "disk", g.disk
	spec, err := g.spec(ctx, t)
	if err != nil {
		return check.Target{}, err
	}
	t.begin()
	g.running, err = hypervisor.Boot(ctx, spec)
	if err != nil {
		return check.Target{}, err
	}
	t.result.Instance.Type, t.result.Instance.Address = "Xen in QEMU", "127.0.0.1"
	t.result.Instance.PrivateAddress = spec.Network.Address.Addr().String()
	t.ui.Say(fmt.Sprintf("domain created after %.1f s", g.running.Times().DomainCreated.Seconds()))
	return check.Target{
		Host: "127.0.0.1",
		Endpoint: func(network string, port uint16) (string, error) {
			for _, f := range spec.Forwards {
				if f.Proto == network && f.GuestPort == port {
					return f.Host.String(), nil
				}
			}
			return "", fmt.Errorf("%s port %d of the guest is not forwarded", network, port)
		},
		Ping:    g.running.Ping,
		Connect: g.running.Connect,
	}, nil
}

// spec describes the domain. The ports of the checks are forwarded.
func (g *domain) spec(ctx context.Context, t *trial) (hypervisor.Spec, error) {
	spec := hypervisor.Spec{
		Disk: g.disk, MemoryMiB: g.memory, Console: &g.screen,
		Progress: func(line string) { t.ui.Say(line) },
	}
	if g.hvm {
		spec.Virtualization = hypervisor.HVM
	}
	if g.config.GuestAddress != "" {
		spec.Network.Address = netip.MustParsePrefix(g.config.GuestAddress) // Configure has checked it
	}
	if g.config.GuestGateway != "" {
		spec.Network.Gateway = netip.MustParseAddr(g.config.GuestGateway)
	}
	for _, p := range t.ports {
		if p.Number == 0 {
			continue // ICMP
		}
		host, err := hypervisor.FreePort(ctx, p.Protocol)
		if err != nil {
			return spec, err
		}
		spec.Forwards = append(spec.Forwards, hypervisor.Forward{Proto: p.Protocol, Host: host, GuestPort: p.Number, Gated: p.Protocol == "tcp"})
	}
	return spec, nil
}

func (g *domain) watch(ctx context.Context, _ func() bool) error {
	exit, err := g.running.Wait(ctx)
	switch {
	case ctx.Err() != nil:
		return nil //nolint:nilerr // the test is over
	case err != nil:
		return err
	case exit == hypervisor.Crash:
		return errors.New("the guest crashed")
	}
	return exitError{exit}
}

// exitError is returned for a domain that has ended by itself, without a crash.
type exitError struct{ exit hypervisor.Exit }

func (e exitError) Error() string { return fmt.Sprintf("the guest exited: %s", e.exit) }

func (g *domain) refuses() bool { return true }

func (g *domain) network() string {
	return "it must use DHCP (LING: -dhcp; MirageOS: configured with dhcp), or guest_address and guest_gateway must be set to the addresses compiled into it"
}

func (g *domain) console(context.Context) (string, error) { return g.screen.String(), nil }

func (g *domain) end(_ context.Context, t *trial, keep bool) error {
	if keep {
		t.ui.Say("keep_on_failure has no effect on disks: the domain is destroyed when the test finishes")
	}
	if g.running != nil {
		g.running.Destroy()
	}
	return nil
}

func (g *domain) tag(context.Context, string) error { return nil }

// screen keeps the beginning and the end of a guest's console, so that a guest
// which never stops writing doesn't fill the memory.
type screen struct {
	mu         sync.Mutex
	head, tail []byte
	lost       int
}

// screenHalf is how much is kept of each. EC2 keeps the last 64 KiB.
const screenHalf = 64 << 10

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(p), screenHalf-len(s.head))
	s.head = append(s.head, p[:n]...)
	s.tail = append(s.tail, p[n:]...)
	if over := len(s.tail) - screenHalf; over > 0 {
		s.lost += over
		s.tail = append(s.tail[:0], s.tail[over:]...)
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost > 0 {
		return fmt.Sprintf("%s\n[%d bytes omitted]\n%s", s.head, s.lost, s.tail)
	}
	return string(s.head) + string(s.tail)
}
