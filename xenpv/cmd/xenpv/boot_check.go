package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// How patient the check is, once its first probes have failed. A slow guest
// under emulation takes seconds for a page; a pause of 250 ms reports the first
// answer on time.
const (
	probeTimeout  = 15 * time.Second
	probeInterval = 250 * time.Millisecond
)

// await waits for the check, or for the guest's end if there is none.
func (o *bootOptions) await(ctx context.Context, domain *hypervisor.Domain, c check.Check, result *booted) error {
	if c == nil {
		exit, err := domain.Wait(ctx)
		result.Exit = string(exit)
		if err == nil && exit == hypervisor.Crash {
			err = fmt.Errorf("the guest crashed; the end of its console:\n%s", domain.ConsoleTail())
		}
		return err
	}
	evidence, err := o.runCheck(ctx, domain, c)
	result.Evidence = evidence
	if err == nil {
		return nil
	}
	if ended, endErr := domain.Exit(); endErr == nil {
		result.Exit = string(ended)
	}
	if domain.ConsoleTail() == "" {
		return fmt.Errorf("check %s: %w; the guest wrote nothing to its console", o.check, err)
	}
	return fmt.Errorf("check %s: %w; the end of the guest's console:\n%s", o.check, err, domain.ConsoleTail())
}

// runCheck returns what the check has seen as soon as it passes.
func (o *bootOptions) runCheck(ctx context.Context, domain *hypervisor.Domain, c check.Check) (string, error) {
	run := check.Run{
		Plans:   []check.Plan{{Check: c, Timeout: probeTimeout, Interval: probeInterval, Consecutive: 1}},
		Target:  check.Target{Host: "127.0.0.1", Endpoint: o.endpoint, Ping: domain.Ping, Connect: domain.Connect},
		Timeout: o.timeout,
		Watch: func(ctx context.Context) error {
			exit, err := domain.Wait(ctx)
			switch {
			case ctx.Err() != nil:
				return nil //nolint:nilerr // the check is over
			case err != nil:
				return err
			}
			return fmt.Errorf("%w: %s", hypervisor.ErrEnded, exit)
		},
	}
	outcomes, err := run.Do(ctx)
	if err == nil {
		return outcomes[0].Evidence, nil
	}
	cause := errors.Unwrap(err) // without the list of checks: there is one
	if _, ok := errors.AsType[check.TimeUp](err); ok {
		cause = fmt.Errorf("not passed within --timeout %v", o.timeout)
	}
	attempts := outcomes[0].Attempts
	if errors.Is(err, hypervisor.ErrEnded) || len(attempts) == 0 {
		return "", cause
	}
	return "", fmt.Errorf("%w (last attempt: %s)", cause, attempts[len(attempts)-1].Error)
}
