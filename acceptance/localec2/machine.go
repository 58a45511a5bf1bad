package localec2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// machine is what an instance runs on, from one start to its end.
type machine struct {
	cancel context.CancelFunc
	again  chan struct{} // asks for a restart
	broken bool          // the guest has crashed, or never came up; under the server's lock
	spec   hypervisor.Spec
	boots  bool               // else there is nothing but a console
	domain *hypervisor.Domain // nil where it has none; under the server's lock
	root   volume             // where the disk comes from
}

// powerOn starts an instance that has no machine. The caller holds the lock.
func (s *Server) powerOn(in *instance) {
	in.target, in.reached, in.settles = running, false, s.opts.Now().Add(s.opts.InstancePending)
	in.why, in.reason = "", stateReason{}
	ctx, cancel := context.WithCancel(s.life)
	m := &machine{cancel: cancel, again: make(chan struct{}, 1), root: s.volumeOf(in)}
	m.spec, m.boots = s.domainSpec(in)
	in.machine = m
	if s.closed {
		cancel()
	}
	s.machines.Go(func() {
		defer cancel()
		if s.run(ctx, in, m) {
			s.guestShutdown(in, m)
		}
		s.poweredOff(in, m)
	})
}

// powerOff has an instance end or stop; its machine is gone when the state has
// been reached. The caller holds the lock.
func (s *Server) powerOff(in *instance, target string) {
	in.target, in.settles = target, s.opts.Now().Add(s.opts.InstanceEnding)
	in.reached = in.machine == nil
	if in.machine != nil {
		in.machine.cancel()
		return
	}
	in.release()
}

// poweredOff notes that an instance's machine is gone.
func (s *Server) poweredOff(in *instance, m *machine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.machine == m {
		in.machine, in.reached = nil, true
		in.release()
	}
}

// release gives back what a stopped instance doesn't keep, and what a
// terminated one doesn't.
func (in *instance) release() {
	in.public.release()
	in.public = nil
	if in.target == terminated && in.disk != nil {
		_ = in.disk.Close() // it has no name: this is its end
		in.disk = nil
	}
}

// guestShutdown notes that a guest has powered off by itself.
func (s *Server) guestShutdown(in *instance, m *machine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.machine != m || in.target != running {
		return
	}
	in.reason = stateReason{"Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown"}
	target := stopped
	if in.terminates {
		target = terminated
	}
	s.powerOff(in, target)
}

// run runs an instance's guest, again after each reboot, and returns whether it
// powered off by itself. A guest that crashed, or could not be started, is one
// that never answers: as on EC2, the instance is "running" until ctx ends it.
func (s *Server) run(ctx context.Context, in *instance, m *machine) (poweredOff bool) {
	for {
		exit, err := s.runOnce(ctx, in, m)
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil && exit == hypervisor.Reboot:
			s.tell(in, "the guest reboots")
			continue
		case err == nil && exit == hypervisor.Poweroff:
			s.tell(in, "the guest has powered off")
			return true
		case err == nil:
			err = fmt.Errorf("the guest ended: %s", exit)
		}
		s.tell(in, err.Error()+grubText(err))
		s.came(in, m, true)
		select {
		case <-ctx.Done():
			return false
		case <-m.again:
		}
	}
}

// runOnce boots a guest and waits for its end.
func (s *Server) runOnce(ctx context.Context, in *instance, m *machine) (hypervisor.Exit, error) {
	if !m.boots {
		return "", errors.New(noBoot(in, s.opts.NoInstances))
	}
	if err := s.prepare(ctx, in, m); err != nil {
		return "", err
	}
	spec := m.spec
	spec.Disk, spec.Console = m.root.path(), in.console
	spec.Progress = func(line string) { s.log(in.id + ": " + line) }
	spec.Opened = func(f hypervisor.Forward, err error) { s.opened(in, f, err) }
	spec.Forwards = s.bindable(in, spec.Forwards)
	s.log(fmt.Sprintf("%s: boots %s as %s by %s, private address %v, forwards %s",
		in.id, in.image.id, in.kind.name, spec.Loader(), spec.Network.Address, forwardList(spec.Forwards)))
	d, err := hypervisor.Boot(ctx, spec)
	if err != nil {
		return "", fmt.Errorf("the guest could not be started: %w", err)
	}
	defer d.Destroy()
	s.log(fmt.Sprintf("%s: its domain was created after %v", in.id, d.Times().DomainCreated.Round(10*time.Millisecond)))
	s.has(m, d)
	defer s.has(m, nil)
	s.came(in, m, false)
	return m.wait(ctx, d)
}

// wait waits for a domain's end, or a restart, which it makes a reboot.
func (m *machine) wait(ctx context.Context, d *hypervisor.Domain) (hypervisor.Exit, error) {
	restart, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-m.again:
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

// noBoot says why an instance has no guest.
func noBoot(in *instance, off bool) string {
	if off {
		return "this server starts no guests (-no-instances)"
	}
	return "only paravirtual images are started here, and " + in.image.id + " is " + in.image.virtualization
}

// came notes that an instance's guest was started, or can't be.
func (s *Server) came(in *instance, m *machine, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.broken = broken
	if in.machine == m && in.target == running {
		in.reached = true
	}
}

// has notes the domain that pings go to, nil where there is none.
func (s *Server) has(m *machine, d *hypervisor.Domain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.domain = d
}

// tell writes what happened to an instance's console and to the log.
func (s *Server) tell(in *instance, text string) {
	s.log(in.id + ": " + text)
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	_, _ = io.WriteString(in.console, "localec2: "+text+"\r\n") // a console takes all
}

// log gives a line to who reads the log.
func (s *Server) log(line string) {
	if s.opts.Log != nil {
		s.opts.Log(line)
	}
}

// domainSpec describes an instance's domain, and tells whether it can be had.
// The caller holds the lock.
func (s *Server) domainSpec(in *instance) (hypervisor.Spec, bool) {
	router := in.subnet.cidr.Addr().Next() // the first address of each subnet (Amazon VPC User Guide)
	spec := hypervisor.Spec{
		RootDevice: strings.TrimPrefix(in.image.rootDevice, "/dev/"), MemoryMiB: in.kind.memoryMiB, VCPUs: in.kind.vcpus,
		Network: hypervisor.Network{Address: netip.PrefixFrom(in.private, in.subnet.cidr.Bits()), Gateway: router},
		PVGRUB:  s.opts.PVGRUB,
	}
	if in.public != nil && s.regions[in.region].isPublic(in.subnet.vpc) {
		spec.Forwards = forwards(in.public.Addr, in.groups)
	}
	return spec, in.image.virtualization == paravirtual && !s.opts.NoInstances
}
