package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Exit is how a domain ended.
type Exit string

// The ways of ending that Xen tells apart.
const (
	Poweroff Exit = "poweroff"
	Reboot   Exit = "reboot"
	Suspend  Exit = "suspend"
	Crash    Exit = "crash"
)

// Times are the stages of a boot, counted from the call of [Boot]. Those that
// weren't reached are zero.
type Times struct {
	ToolstackReady   time.Duration `json:"toolstack_ready"`
	DomainCreated    time.Duration `json:"domain_created"`
	FirstConsoleByte time.Duration `json:"first_console_byte"`
}

// Domain is a guest under Xen, with the QEMU process that is its machine. Each
// must be ended by [Domain.Destroy]. Its methods may be called from several
// goroutines.
type Domain struct {
	machine *machine
	spec    Spec
	started time.Time

	created chan struct{}
	done    chan struct{} // closed when exit or err is final
	exit    Exit
	err     error

	mu       sync.Mutex
	times    Times
	log      tail
	asked    uint32                // the number of the last probe
	expected map[uint32]chan event // who waits for answers to which probe

	gates sync.Mutex
	open  []Forward // the gated forwards that are open
	shut  bool      // the guest has ended: none is opened any more
}

// Times returns the stages reached so far.
func (d *Domain) Times() Times {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.times
}

// Started is when [Boot] was called: the origin of the domain's times.
func (d *Domain) Started() time.Time { return d.started }

// ConsoleTail returns the last lines that the guest wrote to its console.
func (d *Domain) ConsoleTail() string { return lastLines(d.log.String(), logLines, "\n") }

// PID is that of the QEMU process.
func (d *Domain) PID() int { return d.machine.process.Pid }

// Wait returns how the domain ended, as soon as it has: the machine itself
// still runs. The error says that ctx is done, or that the machine broke.
func (d *Domain) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-d.done:
		return d.exit, d.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Exit tells how the domain ended, "" while it runs.
func (d *Domain) Exit() (Exit, error) {
	select {
	case <-d.done:
		return d.exit, d.err
	default:
		return "", nil
	}
}

// Shutdown asks the guest to power off, as "xl shutdown" does, and waits until
// it has ended. Many unikernels don't listen: use a ctx with a deadline, and
// then [Domain.Destroy].
func (d *Domain) Shutdown(ctx context.Context) (Exit, error) {
	if err := d.machine.ask(request{Request: "shutdown"}); err != nil {
		return "", err
	}
	return d.Wait(ctx)
}

// Destroy ends the domain and its machine at once, and leaves nothing behind.
// It may be called again.
func (d *Domain) Destroy() {
	d.machine.kill()
	<-d.done
}

// ErrEnded means that the domain was no longer there.
var ErrEnded = errors.New("the domain ended")

// ended says that the domain ended and how.
func (d *Domain) ended() error {
	if d.err != nil {
		return d.err
	}
	return fmt.Errorf("%w: %s", ErrEnded, d.exit)
}

// follow reads what dom0's agent tells until the machine has gone.
func (d *Domain) follow() {
	for {
		e, err := d.machine.nextEvent()
		if err != nil {
			d.finish("", d.machine.explain(fmt.Errorf("follow the domain: %w", err)))
			return
		}
		d.handle(e)
	}
}

func (d *Domain) handle(e event) {
	switch e.Event {
	case "created":
		d.mark(&d.times.DomainCreated)
		close(d.created)
	case "console":
		d.mark(&d.times.FirstConsoleByte)
		d.write(e.Data)
	case "answered":
		d.answered(e)
	case "failed":
		d.finish("", withLog(startError(e), "its messages", e.Log))
	case "ended":
		d.shutForwards()
		d.finish(Exit(e.Reason), nil)
	}
}

// Why a disk doesn't boot, where pygrub or xl tell. The error of [Boot] holds
// their words, too.
var (
	ErrNoMenu = errors.New("there is no menu.lst, or no entry in it")
	ErrNoFile = errors.New("menu.lst names a file that is not on the disk")
	ErrNotPV  = errors.New("the kernel is not one that Xen starts as a paravirtual guest")
)

// failures explains the messages of pygrub and of libxenguest.
var failures = []struct {
	message string
	err     error
}{
	{"Unable to find partition containing kernel", ErrNoMenu},
	{"No kernel image selected!", ErrNoMenu},
	{"Error opening ", ErrNoFile},
	{"no loader found: Invalid kernel", ErrNotPV},
	{"x86_32p not supported by xen kernel", errors.New(
		"it is a 32-bit guest, and this Xen starts only 64-bit ones (Debian builds it without CONFIG_PV32)")},
}

// startError says why a domain could not be started.
func startError(e event) error {
	for _, f := range failures {
		if strings.Contains(e.Log, f.message) {
			return fmt.Errorf("%s: %w", e.Reason, f.err)
		}
	}
	return errors.New(e.Reason)
}

// mark notes the time of a stage when it is reached first.
func (d *Domain) mark(stage *time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if *stage == 0 {
		*stage = time.Since(d.started)
	}
}

// write hands the console's bytes on. A writer that fails loses them; the
// domain runs on.
func (d *Domain) write(data []byte) {
	_, _ = d.log.Write(data)
	_, _ = d.spec.Console.Write(data)
}

// finish notes the first end that is known. Only follow's goroutine calls it.
func (d *Domain) finish(exit Exit, err error) {
	select {
	case <-d.done:
	default:
		d.exit, d.err = exit, err
		close(d.done)
	}
}
