package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// Guest is a guest from one start to its end.
type Guest struct {
	host     *Host
	spec     Spec
	observer Observer
	cancel   context.CancelFunc
	again    chan struct{} // a restart is requested

	mu     sync.Mutex // guards all below
	broken bool
	domain *hypervisor.Domain // nil while there is none
}

// Stop ends the guest at once.
func (g *Guest) Stop() { g.cancel() }

// Restart restarts the guest, as if by a power cycle.
func (g *Guest) Restart() {
	select {
	case g.again <- struct{}{}:
	default: // one is pending
	}
}

// Broken reports whether the guest crashed or could not be started.
func (g *Guest) Broken() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.broken
}

// settled records that the guest was started, or can't be.
func (g *Guest) settled(broken bool) {
	g.mu.Lock()
	g.broken = broken
	g.mu.Unlock()
	g.observer.Settled(g)
}

// setDomain sets the domain that pings go to, or nil.
func (g *Guest) setDomain(d *hypervisor.Domain) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.domain = d
}

// run runs the guest, again after each reboot, and reports whether it powered
// off by itself. A guest that crashed or could not be started never answers: as
// on EC2, its instance stays "running" until ctx ends it.
func (g *Guest) run(ctx context.Context) (poweredOff bool) {
	for {
		exit, err := g.runOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil && exit == hypervisor.Reboot:
			g.tell("the guest reboots")
			continue
		case err == nil && exit == hypervisor.Poweroff:
			g.tell("the guest has powered off")
			return true
		case err == nil:
			err = fmt.Errorf("the guest ended: %s", exit)
		}
		g.tell(err.Error() + grubText(err))
		g.settled(true)
		select {
		case <-ctx.Done():
			return false
		case <-g.again:
		}
	}
}

// runOnce boots the guest and waits for it to end.
func (g *Guest) runOnce(ctx context.Context) (hypervisor.Exit, error) {
	if err := g.refusal(); err != nil {
		return "", err
	}
	if err := g.prepareVolume(ctx); err != nil {
		return "", err
	}
	spec := g.domainSpec()
	g.log(fmt.Sprintf("booting %s as %s with %s, private address %v, forwarding %s",
		g.spec.Image, g.spec.Type, spec.Loader(), spec.Network.Address, forwardList(spec.Forwards)))
	d, err := hypervisor.Boot(ctx, spec)
	if err != nil {
		return "", fmt.Errorf("the guest could not be started: %w", err)
	}
	defer d.Destroy()
	g.log(fmt.Sprintf("domain created after %v", d.Times().DomainCreated.Round(10*time.Millisecond)))
	g.setDomain(d)
	defer g.setDomain(nil)
	g.settled(false)
	return g.wait(ctx, d)
}

// wait waits for the domain to end. A requested restart counts as a reboot.
func (g *Guest) wait(ctx context.Context, d *hypervisor.Domain) (hypervisor.Exit, error) {
	restart, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-g.again:
			cancel(errRestart)
		case <-restart.Done():
		}
	}()
	exit, err := d.Wait(restart)
	if errors.Is(err, errRestart) {
		return hypervisor.Reboot, nil
	}
	return exit, err
}

// errRestart is the cause of a requested restart.
var errRestart = errors.New("restarted")

// tell writes an event to the console and to the log.
func (g *Guest) tell(text string) {
	g.log(text)
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	_, _ = io.WriteString(g.spec.Console, "localec2: "+text+"\r\n") // never fails
}

// log writes a line about the guest to the log.
func (g *Guest) log(line string) {
	if g.host.opts.Log != nil {
		g.host.opts.Log(g.spec.Instance + ": " + line)
	}
}

// Ping sends the guest an ICMP echo request and waits for the answer.
func (g *Guest) Ping(ctx context.Context) error {
	g.mu.Lock()
	d := g.domain
	g.mu.Unlock()
	if d == nil {
		return fmt.Errorf("%s has no running guest", g.spec.Instance)
	}
	return d.Ping(ctx)
}
