package cloud

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Waits are how long EC2 is waited for, and how often it is asked.
type Waits struct {
	// Plan bounds all questions before the first resource is created.
	Plan time.Duration
	// Call bounds one call that uploads or reads a block, with all repetitions.
	Call time.Duration
	// Snapshot bounds the time from the last block to the state "completed".
	Snapshot time.Duration
	// Import bounds the time from ImportSnapshot to the end of its task.
	Import time.Duration
	// Image bounds the time from RegisterImage to the state "available".
	Image time.Duration
	// Undo bounds the removal of everything in a ledger in one region. Termination
	// and Release are added for each instance and security group.
	Undo time.Duration
	// Launch bounds the launch of an instance with its security group, over all
	// types and zones that are tried.
	Launch time.Duration
	// Running bounds the time from the launch to the state "running".
	Running time.Duration
	// Termination bounds the end of an instance, to the state "terminated".
	Termination time.Duration
	// Release bounds the time for which a security group still counts as in use
	// after its instance has ended.
	Release time.Duration
	// Console bounds the wait for the last console output of an ended instance.
	Console time.Duration
	// Watch is the pause between two checks of a running instance.
	Watch time.Duration
	// Settle is how long EC2 may not know a resource that it has just created,
	// or still list one that it has just removed (eventual consistency).
	Settle time.Duration
	// Delay is the first pause between two questions; it grows by half each time,
	// up to MaxDelay.
	Delay, MaxDelay time.Duration

	Polling Polling
}

// Polling replaces the pauses and budgets of a wait. Zero fields replace nothing.
type Polling struct {
	// Delay is every pause between two questions.
	Delay time.Duration
	// Attempts is how often a question is asked, instead of the budget.
	Attempts int
}

// DefaultWaits are for EC2 as it is. Snapshots of a few megabytes complete in
// seconds, and PV AMIs that are registered from one are available at once, but
// both have been seen to take many minutes; 30 minutes is what
// packer-plugin-amazon allows. EC2 settles within a few seconds as a rule.
//
// AWS promises no time for an import. Disks of a few megabytes take some minutes,
// most of them in AWS's queue; an hour is what packer-plugin-amazon allows.
//
// A block takes less than a second. Five minutes outlast a throttled account and
// the restart of a router, and end an upload over a line that is dead.
//
// A launch is one call of a second or two for each type and zone, so five
// minutes are enough for all of them with retries. Instances run after some 20
// seconds and end in one to a few minutes; ten minutes is again what
// packer-plugin-amazon allows for either. A group is held by the network
// interface of its instance, which goes a little later: Terraform waits five
// minutes for that (hashicorp/terraform issue 11047). EC2 only promises to post
// the console "shortly after" the end; three minutes delay the report of a
// failed test no longer than a boot does. Checking every five seconds notices
// the end of an instance soon, and 24 calls a minute are far below EC2's
// throttling limits.
var DefaultWaits = Waits{
	Plan:        time.Minute,
	Call:        5 * time.Minute,
	Snapshot:    30 * time.Minute,
	Import:      time.Hour,
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

// A TimeoutError is returned by [Waits.Await] if its time is up.
type TimeoutError struct {
	What   string // was waited for
	Cause  error  // why the wait has ended
	Status string // the last known state, with its reason if there is one; "" if AWS has never answered
	Last   error  // why AWS could not answer the last question; nil if it could
}

func (e TimeoutError) Error() string {
	text := fmt.Sprintf("wait for %s: %v; last state: %s", e.What, e.Cause, cmp.Or(e.Status, "unknown"))
	if e.Last != nil {
		text += "; last error: " + Plain(e.Last).Error()
	}
	return text
}

func (e TimeoutError) Unwrap() []error {
	if e.Last == nil {
		return []error{e.Cause}
	}
	return []error{e.Cause, e.Last}
}

// Await calls ask until it is done or fails, ctx ends, or the budget is spent. A
// question that AWS could not answer (5xx, throttling, a lost connection) is
// repeated. The user's [Polling] replaces the budget and the pauses. If the time is
// up, the error is a [TimeoutError].
func (w Waits) Await(ctx context.Context, what string, budget time.Duration, ask func(context.Context) (status string, done bool, err error)) error {
	ctx, cancel := w.bounded(ctx, budget)
	defer cancel()
	out := TimeoutError{What: what}
	for attempt, pause := 1, w.pauses(); ; attempt++ {
		status, done, err := ask(ctx)
		if ctx.Err() != nil { // a question that was interrupted has no answer
			out.Status, out.Cause = cmp.Or(out.Status, status), context.Cause(ctx)
			return out
		}
		if out.Last = err; err == nil {
			out.Status = status
		} else if !IsTransient(err) {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if done {
			return nil
		}
		if attempt == w.Polling.Attempts {
			out.Cause = fmt.Errorf("not done after %d checks, as {Polling} allows", attempt)
			return out
		}
		if !sleep(ctx, pause()) {
			out.Cause = context.Cause(ctx)
			return out
		}
	}
}

// bounded returns a context that ends with the budget, if it counts.
func (w Waits) bounded(ctx context.Context, budget time.Duration) (context.Context, context.CancelFunc) {
	if w.Polling.Attempts > 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, budget, fmt.Errorf("not done within %s", budget))
}

// sleep waits for a pause. It returns false if ctx has ended before.
func sleep(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

// pauses returns a function that returns the next pause between two questions.
func (w Waits) pauses() func() time.Duration {
	next := w.Delay
	return func() time.Duration {
		if w.Polling.Delay > 0 {
			return w.Polling.Delay
		}
		now := next
		next = min(next+next/2, w.MaxDelay)
		return now
	}
}

// throttledFor is how long a call that AWS throttles is repeated, if nothing else
// bounds it. EC2 refills its buckets of calls within seconds, so somebody else
// keeps one busy that throttles for five minutes.
const throttledFor = 5 * time.Minute

// Retry repeats an attempt that EC2's eventual consistency may have spoiled,
// for up to the Settle budget, and returns the last error. An attempt that AWS
// has throttled doesn't count: it is repeated until ctx ends.
func (w Waits) Retry(ctx context.Context, attempt func() (again bool, err error)) error {
	return w.retry(ctx, time.Now().Add(w.Settle), attempt)
}

// retry repeats an attempt until the deadline, and a throttled one until ctx
// ends.
func (w Waits) retry(ctx context.Context, deadline time.Time, attempt func() (again bool, err error)) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, throttledFor, fmt.Errorf("not done within %s", throttledFor))
		defer cancel()
	}
	var last error
	for delay := w.Delay; ; delay = min(delay+delay/2, w.MaxDelay) {
		again, err := attempt()
		if last == nil || err == nil || ctx.Err() == nil {
			last = err // an attempt that was interrupted has no answer
		}
		if again = again && time.Now().Add(delay).Before(deadline); !again && !IsThrottled(last) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case <-time.After(delay):
		}
	}
}
