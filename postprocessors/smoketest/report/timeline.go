package report

import (
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// A timeline converts times to seconds since the launch.
type timeline struct {
	start time.Time
	end   float64 // of the chart; at least a tenth of a second
	final bool    // whether checks that have not passed have failed
}

// maxOverrun limits, as a factor, how far the "ended" event may extend the chart:
// ending an instance may take longer than the test, which would then be squeezed.
const maxOverrun = 1.25

func newTimeline(r Result) timeline {
	t := timeline{start: r.Started, end: 0.1, final: r.Verdict != Cancelled && r.Verdict != Error}
	for _, o := range r.Checks {
		for _, a := range o.Attempts {
			t.end = max(t.end, t.seconds(a.Start)+a.Seconds)
		}
	}
	for _, e := range r.Events {
		if e.Name != "ended" || len(r.Checks) == 0 {
			t.end = max(t.end, t.seconds(e.At))
		}
	}
	for _, e := range r.Events {
		if at := t.seconds(e.At); e.Name == "ended" && at > t.end && at < t.end*maxOverrun {
			t.end = at
		}
	}
	t.end = min(t.end, maxSeconds)
	return t
}

// seconds is the time since the launch, and 0 for earlier times.
func (t timeline) seconds(at time.Time) float64 { return rounded(at.Sub(t.start).Seconds()) }

// doneAt is when a probe ended.
func (t timeline) doneAt(a check.Attempt) float64 { return t.seconds(a.Start) + a.Seconds }

// share maps the launch to 0 and the end to 1.
func (t timeline) share(seconds float64) float64 { return min(seconds/t.end, 1) }

// firstPass is when a check had enough passes in a row, or else when a probe
// first passed.
func (t timeline) firstPass(o check.Outcome) (seconds float64, ok bool) {
	if !o.PassedAt.IsZero() {
		return t.seconds(o.PassedAt), true
	}
	for _, a := range o.Attempts {
		if a.Error == "" {
			return t.doneAt(a), true
		}
	}
	return 0, false
}

// waiting is the class of probes before the guest was up. They are no failures:
// every test begins with them.
const waiting = "waiting"

// waiting returns how many probes of a check came before its first pass. A check
// that never passed in a finished test has none: its probes failed.
func (t timeline) waiting(o check.Outcome) int {
	for i, a := range o.Attempts {
		if a.Error == "" {
			return i
		}
	}
	if t.final && !o.Passed {
		return 0
	}
	return len(o.Attempts)
}

// classOf returns the class of a probe.
func classOf(a check.Attempt, early bool) string {
	switch {
	case a.Error == "":
		return Passed
	case early:
		return waiting
	}
	return Failed
}

// failures returns the first and the last error of a check, and their number.
func failures(o check.Outcome) (first, last string, n int) {
	for _, a := range o.Attempts {
		if a.Error == "" {
			continue
		}
		if n++; n == 1 {
			first = a.Error
		}
		last = a.Error
	}
	return first, last, n
}

// outcome describes a check's result.
func (t timeline) outcome(o check.Outcome) string {
	at, ever := t.firstPass(o)
	switch {
	case o.Passed && ever:
		return "passed at " + elapsed(at)
	case o.Passed:
		return "passed"
	case len(o.Attempts) == 0:
		return "not probed"
	case !t.final:
		return "not passed yet"
	case ever:
		return "passed, then failed"
	}
	return "never passed"
}

// class is the style of a check's outcome: none if it is unknown.
func (t timeline) class(o check.Outcome) string {
	switch {
	case o.Passed:
		return Passed
	case t.final:
		return Failed
	}
	return ""
}
