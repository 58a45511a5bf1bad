package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// MaxGated is how many ports of a guest can be gated: probing a port takes dom0,
// whose processor is emulated, about a millisecond.
const MaxGated = 32

// How often dom0 probes the ports that are still closed: often enough that the
// delay isn't noticed, rarely enough to leave the processor to the guest. A slow
// guest is probed less often: a port opens late by at most a hundredth of the
// time that it took.
const (
	gateShortest = 100 * time.Millisecond
	gateLongest  = time.Second
	gatePerPort  = 10 * time.Millisecond
	gateShare    = 100
)

// gateInterval returns the pause between two rounds of probes.
func gateInterval(ports int, waited time.Duration) time.Duration {
	return max(min(max(waited/gateShare, gateShortest), gateLongest), time.Duration(ports)*gatePerPort)
}

// gated returns the gated forwards by guest port.
func (s Spec) gated() map[uint16][]Forward {
	gates := map[uint16][]Forward{}
	for _, f := range s.Forwards {
		if f.Gated {
			gates[f.GuestPort] = append(gates[f.GuestPort], f)
		}
	}
	return gates
}

// checkGates rejects forwards that can't be gated.
func (s Spec) checkGates() error {
	gates := s.gated()
	if len(gates) == 0 {
		return nil
	}
	for _, list := range gates {
		if list[0].Proto != "tcp" {
			return fmt.Errorf("forward %v: only TCP ports can be gated", list[0])
		}
	}
	if len(gates) > MaxGated {
		return fmt.Errorf("%d gated ports are more than %d", len(gates), MaxGated)
	}
	_, err := s.Network.probe()
	return err
}

// openGates opens each gated forward when the guest accepts connections on its
// port. It returns when all are open or the domain has ended.
func (d *Domain) openGates() {
	closed := d.spec.gated()
	id, answers := d.expect(len(closed))
	defer d.forget(id)
	begun := time.Now()
	for len(closed) > 0 {
		if d.sendProbe(id, slices.Collect(maps.Keys(closed))...) != nil {
			return // the machine has gone
		}
		next := time.NewTimer(gateInterval(len(closed), time.Since(begun)))
		for asking := true; asking && len(closed) > 0; {
			select {
			case answer := <-answers:
				if !answer.Refused {
					d.openForwards(closed[answer.Port])
					delete(closed, answer.Port)
				}
			case <-next.C:
				asking = false
			case <-d.done:
				return
			}
		}
		next.Stop()
	}
}

// openForwards opens forwards, unless the guest has ended.
func (d *Domain) openForwards(list []Forward) {
	d.gates.Lock()
	defer d.gates.Unlock()
	for _, f := range list {
		if d.shut {
			return
		}
		err := f.check() // explains why a port isn't available, which QEMU doesn't
		if err == nil {
			err = d.machine.humanCommand("hostfwd_add net " + f.rule(d.spec.Network))
		}
		if err == nil {
			d.open = append(d.open, f)
		}
		select {
		case <-d.machine.closed: // with all its ports
			return
		default:
		}
		d.spec.Opened(f, err)
	}
}

// shutForwards closes the gated forwards, and keeps them closed.
func (d *Domain) shutForwards() {
	d.gates.Lock()
	defer d.gates.Unlock()
	d.shut = true
	for _, f := range d.open {
		// One that fails does so because the machine has gone, with all its ports.
		_ = d.machine.humanCommand(fmt.Sprintf("hostfwd_remove net %s:%v", f.Proto, f.Host))
	}
	d.open = nil
}

// humanCommand runs a command that only QEMU's monitor for humans has. Those for
// forwards print nothing if they succeed, or that something was "removed".
func (m *machine) humanCommand(line string) error {
	var said string
	err := m.run(context.Background(), "human-monitor-command", map[string]any{"command-line": line}, &said)
	if err == nil && said != "" {
		err = errors.New("QEMU: " + lastLines(said, 1, ""))
	}
	return err
}
