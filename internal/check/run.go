package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// A Run puts checks to a guest until all have passed, or one thing says that
// they won't.
//
// How long an answer takes is a figure that users read, so the first probes
// follow each other closely, and wait but briefly: a probe that is sent before
// the guest listens may never be answered. Timeout and pause begin at 250 ms
// and 100 ms and grow by a quarter with each failed probe, up to the plan's own,
// which is reached with a Timeout of 10 s after about 45 s. So an answer is
// seen late by no more than about a quarter of the time that has gone by. After
// a pass the plan's own timeout and interval hold.
//
// A check that has passed isn't made again until the others have, too; the
// target is then held to all of them at the same time.
type Run struct {
	Plans  []Plan
	Target Target
	// Timeout is for all to pass.
	Timeout time.Duration
	// Hold is for how long all must go on passing after that, probed each
	// Interval; a single failure then fails the run. Each check's last probe
	// begins when Hold is over and has its whole timeout: a guest that fell
	// silent within Hold is noticed.
	Hold time.Duration
	// Watch may be nil. It runs beside, and an error that it returns ends the
	// run at once. It returns nil only when ctx is done.
	Watch func(ctx context.Context) error
	// Progress may be nil. It gets a line when a check passes, and when what it
	// sees changes: of those, each check has one in 10 s at most. There is one
	// call at a time.
	Progress func(line string)
}

// TimeUp is the reason of a run whose checks have not passed in time.
type TimeUp struct {
	Failed, All int // checks
	Timeout     time.Duration
}

func (e TimeUp) Error() string {
	return fmt.Sprintf("%d of %d checks did not pass within %s", e.Failed, e.All, e.Timeout)
}

// errPassed ends a run well.
var errPassed = errors.New("passed")

// Do returns as soon as all plans have passed and held; or an error that says
// on its first line why they did not, and on one line for each check what it
// saw last. The reason is one of: the timeout is over ([TimeUp]), a check failed
// while it was to hold, a check is [Impossible], Watch's error, or the cause of ctx's
// end; and, with nothing probed, invalid plans. The outcomes are in the plans'
// order, in any case. Nothing goes on when Do has returned.
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
	end(errPassed) // of all the ends, the first counts
	watch.Wait()
	return outcomes(probers), verdict(context.Cause(run), probers)
}

func (r Run) validate() error {
	var f faults
	if len(r.Plans) == 0 {
		f.add("there is no check, and a guest that is asked nothing would pass: add one")
	}
	if r.Timeout <= 0 {
		f.add("timeout %s: checks need time to pass: give them 10m, say", r.Timeout)
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
	say := func(line string) {
		one.Lock()
		defer one.Unlock()
		if r.Progress != nil {
			r.Progress(line)
		}
	}
	probers := make([]*prober, len(r.Plans))
	for i, plan := range r.Plans {
		probers[i] = newProber(plan, r.Target, say)
	}
	return probers
}

// pass has all probed until they have passed, and ends the run if they don't.
func (r Run) pass(ctx context.Context, end context.CancelCauseFunc, probers []*prober) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	each(probers, func(p *prober) {
		if !p.untilPassed(ctx) {
			end(Impossible{fmt.Errorf("check %s can't be made", p.plan.title())})
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

// hold has all probed until Hold is over, and ends the run at the first failure.
func (r Run) hold(ctx context.Context, end context.CancelCauseFunc, probers []*prober) {
	if r.Hold <= 0 || ctx.Err() != nil {
		return
	}
	until := time.Now().Add(r.Hold)
	each(probers, func(p *prober) {
		if !p.holds(ctx, until) {
			end(fmt.Errorf("check %s failed in the %s that it was to hold", p.plan.title(), r.Hold))
		}
	})
}

// each calls do for all at the same time, and waits.
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

// verdict is nil where the run ended well.
func verdict(cause error, probers []*prober) error {
	if errors.Is(cause, errPassed) {
		return nil
	}
	lines := make([]string, len(probers))
	for i, p := range probers {
		lines[i] = "\n  " + p.lastSight()
	}
	return fmt.Errorf("%w:%s", cause, strings.Join(lines, ""))
}
