package cloud

import (
	"context"
	"fmt"
	"time"
)

// Waits say how long EC2 is waited for, and how often it is asked.
type Waits struct {
	// Plan bounds all the questions before the first resource is made.
	Plan time.Duration
	// Snapshot bounds the time from CompleteSnapshot to the state "completed".
	Snapshot time.Duration
	// Image bounds the time from RegisterImage to the state "available".
	Image time.Duration
	// Undo bounds the removal of everything in the ledger, and Termination and
	// Release come on top where there is an instance or a security group in it.
	Undo time.Duration
	// Launch bounds the launch of an instance with its security group, over all
	// types and zones that are tried.
	Launch time.Duration
	// Running bounds the time from the launch to the state "running".
	Running time.Duration
	// Termination bounds the end of an instance, to the state "terminated".
	Termination time.Duration
	// Release bounds the time for which a security group still counts as in use
	// when its instance has ended.
	Release time.Duration
	// Console bounds the wait for the last that an ended instance has written.
	Console time.Duration
	// Watch is the pause between two looks at an instance that runs.
	Watch time.Duration
	// Settle is how long EC2 may deny a resource that it has just made, or name
	// one that it has just removed (eventual consistency).
	Settle time.Duration
	// Delay is the pause between two questions at first; it grows by half each
	// time, up to MaxDelay.
	Delay, MaxDelay time.Duration
}

// DefaultWaits are for EC2 as it is. Snapshots of a few megabytes complete in
// seconds and PV AMIs that are registered from one are available at once, but
// both have been seen to take many minutes; 30 minutes is what
// packer-plugin-amazon allows. EC2 settles within a few seconds as a rule.
//
// A launch is one call of a second or two for each type and zone, so five
// minutes are enough for all of them with repetitions. Instances run after some
// 20 seconds and end in one to a few minutes; ten minutes is again what
// packer-plugin-amazon allows for either. A group is held by the network
// interface of its instance, which goes a little later: Terraform waits five
// minutes for that (hashicorp/terraform issue 11047). Of the console EC2 only
// says that it is posted "shortly after" the end; three minutes delay the report
// of a failed test no longer than a boot does. A look every five seconds sees
// the end of an instance soon, and 24 calls a minute are far below what EC2
// throttles.
var DefaultWaits = Waits{
	Plan:        time.Minute,
	Snapshot:    30 * time.Minute,
	Image:       30 * time.Minute,
	Undo:        3 * time.Minute,
	Launch:      5 * time.Minute,
	Running:     10 * time.Minute,
	Termination: 10 * time.Minute,
	Release:     5 * time.Minute,
	Console:     3 * time.Minute,
	Watch:       5 * time.Second,
	Settle:      20 * time.Second,
	Delay:       time.Second,
	MaxDelay:    15 * time.Second,
}

// Await asks until done, a refusal or failure, the end of ctx, or the end of the
// budget. A question that AWS could not answer (5xx, throttling, a lost
// connection) is asked again. The last state is in the error that says that the
// budget is spent.
func (w Waits) Await(ctx context.Context, what string, budget time.Duration, ask func(context.Context) (status string, done bool, err error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, budget, fmt.Errorf("not done within %s", budget))
	defer cancel()
	delay, status := w.Delay, ""
	for {
		now, done, err := ask(ctx)
		if err == nil || status == "" {
			status = now // a question that was cut short says nothing
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for %s: %w; last state: %s", what, context.Cause(ctx), status)
		}
		if IsTransient(err) {
			status = err.Error()
		} else if err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; last state: %s", what, context.Cause(ctx), status)
		case <-time.After(delay):
		}
		delay = min(delay+delay/2, w.MaxDelay)
	}
}

// Retry repeats a try that EC2's eventual consistency may have spoilt, for up
// to the Settle budget, and returns the last error.
func (w Waits) Retry(ctx context.Context, try func() (again bool, err error)) error {
	deadline := time.Now().Add(w.Settle)
	for delay := w.Delay; ; delay = min(delay+delay/2, w.MaxDelay) {
		again, err := try()
		if !again || time.Now().Add(delay).After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(delay):
		}
	}
}
