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

// Guest is what an instance runs on, from one start to its end.
type Guest struct {
	host     *Host
	spec     Spec
	observer Observer
	cancel   context.CancelFunc
	again    chan struct{} // asks for a restart

	mu     sync.Mutex // guards all below
	broken bool
	domain *hypervisor.Domain // nil while there is none
}

// Stop has the guest end at once.
func (g *Guest) Stop() { g.cancel() }

// Restart starts the guest anew, as if its power had failed.
func (g *Guest) Restart() {
	select {
	case g.again <- struct{}{}:
	default: // one that was asked for is still to come
	}
}

// Broken reports whether the guest has crashed, or could not be started.
func (g *Guest) Broken() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.broken
}

// settled notes that the guest was started, or can't be.
func (g *Guest) settled(broken bool) {
	g.mu.Lock()
	g.broken = broken
	g.mu.Unlock()
	g.observer.Settled(g)
}

// setDomain notes the domain that pings go to, nil while there is none.
func (g *Guest) setDomain(d *hypervisor.Domain) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.domain = d
}

// run runs the guest, again after each reboot, and returns whether it
// powered off by itself. A guest that crashed, or could not be started, is one
// that never answers: as on EC2, the instance is "running" until ctx ends it.
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

// runOnce boots the guest and waits for its end.
func (g *Guest) runOnce(ctx context.Context) (hypervisor.Exit, error) {
	if err := g.refusal(); err != nil {
		return "", err
	}
	if err := g.prepareVolume(ctx); err != nil {
		return "", err
	}
	spec := g.domainSpec()
	g.log(fmt.Sprintf("boots %s as %s by %s, private address %v, forwards %s",
		g.spec.Image, g.spec.Type, spec.Loader(), spec.Network.Address, forwardList(spec.Forwards)))
	d, err := hypervisor.Boot(ctx, spec)
	if err != nil {
		return "", fmt.Errorf("the guest could not be started: %w", err)
	}
	defer d.Destroy()
	g.log(fmt.Sprintf("its domain was created after %v", d.Times().DomainCreated.Round(10*time.Millisecond)))
	g.setDomain(d)
	defer g.setDomain(nil)
	g.settled(false)
	return g.wait(ctx, d)
}

// wait waits for a domain's end, or a restart, which it makes a reboot.
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

// errRestart is the cause of a restart that was asked for.
var errRestart = errors.New("restarted")

// tell writes an event to the console and to the log.
func (g *Guest) tell(text string) {
	g.log(text)
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	_, _ = io.WriteString(g.spec.Console, "localec2: "+text+"\r\n") // a console takes all
}

// log writes a line to the log.
func (g *Guest) log(line string) {
	if g.host.opts.Log != nil {
		g.host.opts.Log(g.spec.Instance + ": " + line)
	}
}

// Ping asks the guest for an ICMP echo.
func (g *Guest) Ping(ctx context.Context) error {
	g.mu.Lock()
	d := g.domain
	g.mu.Unlock()
	if d == nil {
		return fmt.Errorf("%s has no guest that runs", g.spec.Instance)
	}
	return d.Ping(ctx)
}
