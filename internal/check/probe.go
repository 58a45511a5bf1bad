package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// How patient the first probes are, and how fast that grows: see Run. A TLS
// handshake and a request over the widest ocean, four round trips, fit into one
// second, which the seventh probe has. The factor is the share of the time gone
// by that an answer may be noticed late.
const (
	firstTimeout  = 250 * time.Millisecond
	firstInterval = 100 * time.Millisecond
	growth        = 1.25
)

// progressInterval is the least time between two lines on what a check sees:
// six a minute can be read.
const progressInterval = 10 * time.Second

// errCut is seen by a probe that the run's end cuts off.
var errCut = errors.New("no answer yet when the run ended")

// A prober makes one check again and again. One goroutine at a time uses it.
type prober struct {
	plan     Plan
	target   Target
	say      func(line string)
	outcome  Outcome
	last     string    // that was seen, in words; "" at first
	told     string    // the last change that was told of
	toldAt   time.Time // zero at first
	timeout  time.Duration
	interval time.Duration
}

func newProber(plan Plan, target Target, say func(string)) *prober {
	return &prober{
		plan: plan, target: target, say: say, outcome: newOutcome(plan),
		timeout:  min(firstTimeout, plan.Timeout),
		interval: min(firstInterval, plan.Interval),
	}
}

// untilPassed probes until the check has passed or ctx is done. It returns false
// only where the check can't be made.
func (p *prober) untilPassed(ctx context.Context) bool {
	for row := 0; ctx.Err() == nil; {
		timeout, interval := p.timeout, p.interval
		if row > 0 {
			timeout = p.plan.Timeout
		}
		err := p.probe(ctx, timeout)
		if _, ok := errors.AsType[Impossible](err); ok {
			return false
		}
		if err != nil {
			row = 0
			p.slowDown()
			p.tell(err)
			pause(ctx, interval)
			continue
		}
		if row++; row == p.plan.Consecutive {
			p.pass()
			return true
		}
		p.tell(nil)
		pause(ctx, p.plan.Interval)
	}
	return true
}

// slowDown makes the next probe more patient than the last.
func (p *prober) slowDown() {
	p.timeout = min(grown(p.timeout), p.plan.Timeout)
	p.interval = min(grown(p.interval), p.plan.Interval)
}

// grown is in whole milliseconds, as users read it.
func grown(d time.Duration) time.Duration {
	return max(d, time.Duration(float64(d)*growth).Round(time.Millisecond))
}

func (p *prober) pass() {
	p.outcome.Passed, p.outcome.PassedAt = true, time.Now()
	took := p.outcome.PassedAt.Sub(p.outcome.Attempts[0].Start).Round(time.Millisecond)
	p.say(fmt.Sprintf("%s: passed after %s, %s", p.plan.title(), took, p.count()))
}

// holds probes until the check has passed once after a time, or ctx is done. It
// returns false where the check failed instead.
func (p *prober) holds(ctx context.Context, until time.Time) bool {
	for last := false; !last; {
		pause(ctx, min(p.plan.Interval, time.Until(until)))
		if ctx.Err() != nil {
			return true
		}
		last = !time.Now().Before(until)
		if err := p.probe(ctx, p.plan.Timeout); err != nil && !errors.Is(err, errCut) {
			p.outcome.Passed = false
			return false
		}
	}
	return true
}

// probe makes the check once, and keeps what was seen.
func (p *prober) probe(ctx context.Context, timeout time.Duration) error {
	asking, cancel := context.WithTimeoutCause(ctx, timeout, noAnswer(timeout))
	defer cancel()
	attempt := Attempt{Start: time.Now()}
	err := p.plan.Probe(asking, p.target)
	attempt.Seconds = time.Since(attempt.Start).Seconds()
	if err != nil && ctx.Err() != nil {
		err = errCut
	}
	if err != nil {
		attempt.Error = oneLine(err.Error())
	}
	if !errors.Is(err, errCut) || len(p.outcome.Attempts) == 0 {
		p.last = attempt.Error
	}
	p.outcome.add(attempt)
	return err
}

// tell reports what is seen, where it is new and the last report is old enough.
func (p *prober) tell(err error) {
	what := sight(err)
	if errors.Is(err, errCut) || what == p.told || !p.toldAt.IsZero() && time.Since(p.toldAt) < progressInterval {
		return
	}
	p.told, p.toldAt = what, time.Now()
	p.say(p.plan.title() + ": " + what)
}

// sight is what a progress line says. All silence is the same there, however
// long it was.
func sight(err error) string {
	if err == nil {
		return "answers well"
	}
	text := err.Error()
	if silence, ok := errors.AsType[noAnswer](err); ok {
		text = strings.Replace(text, silence.Error(), "no answer", 1)
	}
	return oneLine(text)
}

// lastSight is a line on how the check stands.
func (p *prober) lastSight() string {
	switch {
	case p.outcome.Passed:
		return p.plan.title() + ": passed"
	case len(p.outcome.Attempts) == 0:
		return p.plan.title() + ": not asked"
	case p.last == "":
		return p.plan.title() + ": answered well, but not often enough in a row; " + p.count()
	}
	return p.plan.title() + ": " + p.last + "; " + p.count()
}

func (p *prober) count() string {
	n := len(p.outcome.Attempts) + p.outcome.Omitted
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
