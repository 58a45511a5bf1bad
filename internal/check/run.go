package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// A Run repeats checks of a guest until all have passed, or until it is certain
// that they won't.
//
// Users read how long a guest takes to respond, so the first probes are frequent
// and have short timeouts: a probe that is sent before the guest listens may
// never get a response. The timeout starts at 250 ms and the interval at 100 ms.
// Both grow by a quarter with each failed probe, up to the plan's own values; a
// Timeout of 10 s is reached after about 45 s. A response is therefore noticed
// late by at most about a quarter of the time that has passed. After a pass, the
// plan's own timeout and interval apply.
//
// A check that has passed isn't repeated until all others have passed, too. Then
// all must keep passing for the hold time.
type Run struct {
	Plans  []Plan
	Target Target
	// Timeout is how long the checks have, together, to pass.
	Timeout time.Duration
	// Hold is how long all checks must keep passing after that. They are probed
	// every Interval, and a single failure fails the run. The last probe of each
	// check starts when Hold is over and gets its full timeout, so a guest that
	// goes silent during Hold is noticed.
	Hold time.Duration
	// Watch may be nil. It runs alongside the checks, and if it returns an error,
	// the run ends immediately. It returns nil only when ctx is done.
	Watch func(ctx context.Context) error
	// Progress may be nil. It receives a line when a check passes, and when the
	// result of its probes changes, at most every 10 s for each check. It is
	// never called concurrently.
	Progress func(line string)
}

// TimeUp is the error of a run whose checks did not pass in time.
type TimeUp struct {
	Failed, All int // number of checks
	Timeout     time.Duration
}

func (e TimeUp) Error() string {
	return fmt.Sprintf("%d of %d checks did not pass within %s", e.Failed, e.All, e.Timeout)
}

// errPassed is the cause with which a successful run ends.
var errPassed = errors.New("passed")

// Do returns when all plans have passed and held, or with an error. The first
// line of the error is the reason, and each check follows on a line of its own
// with its last result. The reason is one of: time is up ([TimeUp]), a check
// failed during the hold time, a check is [Impossible], Watch's error, or the
// cause of ctx's end. If the plans are invalid, nothing is probed. The outcomes
// are always in the order of the plans. When Do returns, nothing runs in the
// background.
func (r Run) Do(ctx context.Context) ([]Outcome, error) {
	probers := r.probers()
	if err := r.validate(); err != nil {
		return outcomes(probers), err
	}
	run, end := context.WithCancelCause(ctx)
	defer end(nil)
	var watch sync.WaitGroup
	if r.Watch != nil {
		watch.Go(func() {
			if err := r.Watch(run); err != nil {
				end(err)
			}
		})
	}
	r.pass(run, end, probers)
	r.hold(run, end, probers)
	end(errPassed) // no effect if the run has already ended
	watch.Wait()
	return outcomes(probers), runError(context.Cause(run), probers)
}

func (r Run) validate() error {
	var f faults
	if len(r.Plans) == 0 {
		f.add("there are no checks: add at least one")
	}
	if r.Timeout <= 0 {
		f.add("timeout is %s: must be positive, for example 10m", r.Timeout)
	}
	for i, plan := range r.Plans {
		if err := plan.Validate(); err != nil {
			f.add("check %d %q: %s", i+1, plan.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	return f.err()
}

func (r Run) probers() []*prober {
	var one sync.Mutex
	progress := func(line string) {
		one.Lock()
		defer one.Unlock()
		if r.Progress != nil {
			r.Progress(line)
		}
	}
	probers := make([]*prober, len(r.Plans))
	for i, plan := range r.Plans {
		probers[i] = newProber(plan, r.Target, progress)
	}
	return probers
}

// pass probes until all checks have passed, and ends the run if they don't.
func (r Run) pass(ctx context.Context, end context.CancelCauseFunc, probers []*prober) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	each(probers, func(p *prober) {
		if !p.untilPassed(ctx) {
			end(Impossible{fmt.Errorf("check %s can't run", p.plan.title())})
		}
	})
	failed := 0
	for _, p := range probers {
		if !p.outcome.Passed {
			failed++
		}
	}
	if failed > 0 {
		end(TimeUp{failed, len(probers), r.Timeout})
	}
}

// hold probes until Hold is over, and ends the run at the first failure.
func (r Run) hold(ctx context.Context, end context.CancelCauseFunc, probers []*prober) {
	if r.Hold <= 0 || ctx.Err() != nil {
		return
	}
	until := time.Now().Add(r.Hold)
	each(probers, func(p *prober) {
		if !p.holds(ctx, until) {
			end(fmt.Errorf("check %s failed during the hold time of %s", p.plan.title(), r.Hold))
		}
	})
}

// each calls do for all probers concurrently, and waits.
func each(probers []*prober, do func(*prober)) {
	var all sync.WaitGroup
	for _, p := range probers {
		all.Go(func() { do(p) })
	}
	all.Wait()
}

func outcomes(probers []*prober) []Outcome {
	list := make([]Outcome, len(probers))
	for i, p := range probers {
		list[i] = p.outcome
	}
	return list
}

// runError is nil if the run ended successfully.
func runError(cause error, probers []*prober) error {
	if errors.Is(cause, errPassed) {
		return nil
	}
	lines := make([]string, len(probers))
	for i, p := range probers {
		lines[i] = "\n  " + p.summary()
	}
	return fmt.Errorf("%w:%s", cause, strings.Join(lines, ""))
}
