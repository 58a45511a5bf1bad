package smoketest

import (
	"errors"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/smoketest/report"
)

// conclude sets the result and the figures.
func (t *trial) conclude(failure error) {
	r := &t.result
	switch {
	case failure == nil:
		r.Verdict = report.Passed
	case errors.Is(failure, errCancelled):
		r.Verdict = report.Cancelled
	case t.tested:
		r.Verdict = report.Failed
	default:
		r.Verdict = report.Error
	}
	if failure != nil {
		r.Reason = failure.Error()
	}
	since := func(at time.Time) float64 { return at.Sub(r.Started).Seconds() }
	for _, e := range r.Events {
		switch e.Name {
		case "running":
			r.Seconds.Running = since(e.At)
		case "passed":
			r.Seconds.Passed = since(e.At)
		}
	}
	if first := firstAnswer(r.Checks); !first.IsZero() {
		r.Seconds.FirstAnswer = since(first)
		r.Events = append(r.Events, report.Event{Name: "first answer", At: first})
	}
	r.Seconds.Total = since(time.Now())
}

// allPassed is when the last check passed.
func (t *trial) allPassed() (last time.Time) {
	for _, o := range t.result.Checks {
		if o.PassedAt.After(last) {
			last = o.PassedAt
		}
	}
	return last
}

// firstAnswer is the end of the first probe on the network that passed.
func firstAnswer(outcomes []check.Outcome) (first time.Time) {
	for _, o := range outcomes {
		for _, a := range o.Attempts {
			if at := end(a); a.Error == "" && onNetwork(o.Kind) && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first
}

func end(a check.Attempt) time.Time {
	return a.Start.Add(time.Duration(a.Seconds * float64(time.Second)))
}
