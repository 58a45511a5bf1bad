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

// The ends of a domain that Xen distinguishes.
const (
	Poweroff Exit = "poweroff"
	Reboot   Exit = "reboot"
	Suspend  Exit = "suspend"
	Crash    Exit = "crash"
)

// Times are the stages of a boot, since the call of [Boot]. A stage that wasn't
// reached is zero.
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
	expected map[uint32]chan event // the channels for answers, by number of the probe

	gates sync.Mutex
	open  []Forward // the gated forwards that are open
	shut  bool      // the guest has ended: no more gates are opened
}

// Times returns the stages reached so far.
func (d *Domain) Times() Times {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.times
}

// Started returns the time when [Boot] was called, to which [Times] are relative.
func (d *Domain) Started() time.Time { return d.started }

// ConsoleTail returns the last lines that the guest wrote to its console.
func (d *Domain) ConsoleTail() string { return lastLines(d.log.String(), logLines, "\n") }

// PID returns the process ID of QEMU.
func (d *Domain) PID() int { return d.machine.process.Pid }

// Wait waits for the domain to end and returns how it ended. The machine itself
// still runs. The error reports that ctx is done, or that the machine failed.
func (d *Domain) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-d.done:
		return d.exit, d.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Exit returns how the domain ended, or "" if it still runs.
func (d *Domain) Exit() (Exit, error) {
	select {
	case <-d.done:
		return d.exit, d.err
	default:
		return "", nil
	}
}

// Shutdown asks the guest to power off, as "xl shutdown" does, and waits until
// it has ended. Many unikernels ignore the request: use a ctx with a deadline,
// and then [Domain.Destroy].
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

// ended returns an error that describes how the domain ended.
func (d *Domain) ended() error {
	if d.err != nil {
		return d.err
	}
	return fmt.Errorf("%w: %s", ErrEnded, d.exit)
}

// follow handles the events of dom0's agent until the machine ends.
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

// Reasons that pygrub or xl give for a disk that doesn't boot. The error of
// [Boot] also contains their output.
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
		"this Xen starts only 64-bit PV guests (Debian builds it without CONFIG_PV32), and the kernel has 32 bits: boot it in Xen's PV shim")},
}

// startError returns the reason why a domain could not be started.
func startError(e event) error {
	for _, f := range failures {
		if strings.Contains(e.Log, f.message) {
			return fmt.Errorf("%s: %w", e.Reason, f.err)
		}
	}
	return errors.New(e.Reason)
}

// mark records the time when a stage is first reached.
func (d *Domain) mark(stage *time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if *stage == 0 {
		*stage = time.Since(d.started)
	}
}

// write passes on the console's bytes. A writer that fails loses them; the
// domain keeps running.
func (d *Domain) write(data []byte) {
	_, _ = d.log.Write(data)
	_, _ = d.spec.Console.Write(data)
}

// finish records how the domain ended, once. Only follow's goroutine calls it.
func (d *Domain) finish(exit Exit, err error) {
	select {
	case <-d.done:
	default:
		d.exit, d.err = exit, err
		close(d.done)
	}
}
