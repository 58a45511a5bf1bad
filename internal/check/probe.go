package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Timing of the first probes, and how fast it grows: see Run. Four round trips
// across the widest ocean, enough for a TLS handshake and a request, fit in one
// second, which is the timeout of the seventh probe. The growth factor bounds how
// late a response is noticed, as a share of the time that has passed.
const (
	firstTimeout  = 250 * time.Millisecond
	firstInterval = 100 * time.Millisecond
	growth        = 1.25
)

// progressInterval is the least time between two lines about changes of a check:
// a person can read six lines a minute.
const progressInterval = 10 * time.Second

// errRunEnded is the error of a probe that the end of the run interrupts.
var errRunEnded = errors.New("no response before the run ended")

// A prober repeats one check. It must not be used concurrently.
type prober struct {
	plan       Plan
	target     Target
	progress   func(line string)
	outcome    Outcome
	last       string    // error of the last probe; "" if it passed
	reported   string    // the last change that was reported
	reportedAt time.Time // zero at first
	timeout    time.Duration
	interval   time.Duration
}

func newProber(plan Plan, target Target, progress func(string)) *prober {
	return &prober{
		plan: plan, target: target, progress: progress, outcome: newOutcome(plan),
		timeout:  min(firstTimeout, plan.Timeout),
		interval: min(firstInterval, plan.Interval),
	}
}

// untilPassed probes until the check has passed or ctx is done. It returns false
// only if the check can't be made.
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
			p.report(err)
			pause(ctx, interval)
			continue
		}
		if row++; row == p.plan.Consecutive {
			p.pass()
			return true
		}
		p.report(nil)
		pause(ctx, p.plan.Interval)
	}
	return true
}

// slowDown increases the timeout and the interval of the next probe.
func (p *prober) slowDown() {
	p.timeout = min(grow(p.timeout), p.plan.Timeout)
	p.interval = min(grow(p.interval), p.plan.Interval)
}

// grow rounds to milliseconds, because users read the result.
func grow(d time.Duration) time.Duration {
	return max(d, time.Duration(float64(d)*growth).Round(time.Millisecond))
}

func (p *prober) pass() {
	p.outcome.Passed, p.outcome.PassedAt = true, time.Now()
	took := p.outcome.PassedAt.Sub(p.outcome.Attempts[0].Start).Round(time.Millisecond)
	p.progress(fmt.Sprintf("%s: passed after %s, %s", p.plan.title(), took, p.count()))
}

// holds probes until the check has passed once after the given time, or ctx is
// done. It returns false if the check fails.
func (p *prober) holds(ctx context.Context, until time.Time) bool {
	for last := false; !last; {
		pause(ctx, min(p.plan.Interval, time.Until(until)))
		if ctx.Err() != nil {
			return true
		}
		last = !time.Now().Before(until)
		if err := p.probe(ctx, p.plan.Timeout); err != nil && !errors.Is(err, errRunEnded) {
			p.outcome.Passed = false
			return false
		}
	}
	return true
}

// probe makes the check once and records the attempt.
func (p *prober) probe(ctx context.Context, timeout time.Duration) error {
	probing, cancel := context.WithTimeoutCause(ctx, timeout, noResponse(timeout))
	defer cancel()
	attempt := Attempt{Start: time.Now()}
	evidence, err := p.plan.Probe(probing, p.target)
	attempt.Seconds = time.Since(attempt.Start).Seconds()
	if err != nil && ctx.Err() != nil {
		err = errRunEnded
	}
	if err != nil {
		attempt.Error = oneLine(err.Error())
	} else if p.outcome.Evidence == "" {
		p.outcome.Evidence = oneLine(evidence)
	}
	if !errors.Is(err, errRunEnded) || len(p.outcome.Attempts) == 0 {
		p.last = attempt.Error
	}
	p.outcome.add(attempt)
	return err
}

// report writes a progress line if the state of the check has changed and the
// last line is old enough.
func (p *prober) report(err error) {
	state := stateText(err)
	if errors.Is(err, errRunEnded) || state == p.reported || !p.reportedAt.IsZero() && time.Since(p.reportedAt) < progressInterval {
		return
	}
	p.reported, p.reportedAt = state, time.Now()
	p.progress(p.plan.title() + ": " + state)
}

// stateText describes a probe's result in a progress line. It leaves out the
// timeout, which grows, so that continued silence isn't a change.
func stateText(err error) string {
	if err == nil {
		return "responding"
	}
	text := err.Error()
	if silence, ok := errors.AsType[noResponse](err); ok {
		text = strings.Replace(text, silence.Error(), "no response", 1)
	}
	return oneLine(text)
}

// summary describes the check's state when the run ends.
func (p *prober) summary() string {
	switch {
	case p.outcome.Passed:
		return p.plan.title() + ": passed"
	case len(p.outcome.Attempts) == 0:
		return p.plan.title() + ": not started"
	case p.last == "":
		return p.plan.title() + ": not enough passes in a row; " + p.count()
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

// pause waits for the duration or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
