package report

import (
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// A timeline counts seconds from the launch.
type timeline struct {
	start time.Time
	end   float64 // of what is drawn; at least a tenth of a second
}

// lateness is how far beyond the verdict events are still drawn, as a factor:
// ending an instance may take longer than the test, and would squeeze it.
const lateness = 1.25

func newTimeline(r Result) timeline {
	t := timeline{start: r.Started, end: 0.1}
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
		if at := t.seconds(e.At); e.Name == "ended" && at > t.end && at < t.end*lateness {
			t.end = at
		}
	}
	t.end = min(t.end, aDecade)
	return t
}

// seconds counts from the launch; what was before it counts as 0.
func (t timeline) seconds(at time.Time) float64 { return rounded(at.Sub(t.start).Seconds()) }

// seen is when a probe's answer, or its absence, was known.
func (t timeline) seen(a check.Attempt) float64 { return t.seconds(a.Start) + a.Seconds }

// share is where a moment lies between the launch, 0, and the end, 1.
func (t timeline) share(seconds float64) float64 { return min(seconds/t.end, 1) }

// firstPass is when a check has passed, as often in a row as it must, or when
// it last came near.
func (t timeline) firstPass(o check.Outcome) (seconds float64, ok bool) {
	if !o.PassedAt.IsZero() {
		return t.seconds(o.PassedAt), true
	}
	for _, a := range o.Attempts {
		if a.Error == "" {
			return t.seen(a), true
		}
	}
	return 0, false
}

// failures are the first and the last error that a check has seen, and their number.
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

// outcome says how a check went.
func (t timeline) outcome(o check.Outcome) string {
	at, ever := t.firstPass(o)
	switch {
	case o.Passed && ever:
		return "passed at " + clock(at)
	case o.Passed:
		return "passed"
	case len(o.Attempts) == 0:
		return "not probed"
	case ever:
		return "failed after a pass"
	}
	return "never passed"
}
