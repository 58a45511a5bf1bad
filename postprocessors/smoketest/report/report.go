// Package report tells how a smoke test went: as JSON for programs, as one
// self-contained HTML page for people, and as some lines for the terminal.
//
//	err := report.HTML(file, report.Result{Verdict: report.Passed, Started: launch, ...})
//
// The same [Result] always gives the same bytes: no clock is read, and times are
// shown in UTC, or in seconds since [Result.Started].
//
// What the guest has written or sent (its console, the bodies of its answers)
// and what users have named is taken for hostile. On the page and in the
// terminal escape sequences are gone from it, control characters are shown as
// pictures, and what is no text as U+FFFD; the page has no script, and its policy
// allows it nothing but its own style. Only JSON has all at its full length and
// with its control characters, in JSON's escapes; it, too, has U+FFFD for invalid
// UTF-8.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
)

// The values of [Result.Verdict].
const (
	Passed    = "passed"
	Failed    = "failed"
	Cancelled = "cancelled" // the build was, before the test had a result
	Error     = "error"     // the test could not be made: nothing is known of the subject
)

// A Result is all that is known of one smoke test.
type Result struct {
	Tool    string    `json:"tool"`             // what made the test, and its version
	Verdict string    `json:"verdict"`          // Passed; everything else counts as Failed
	Reason  string    `json:"reason,omitempty"` // of a failure; it may have several lines
	Started time.Time `json:"started"`          // when the launch was asked for: the origin of the timeline

	Subject  Subject         `json:"subject"`
	Instance Instance        `json:"instance"`
	Events   []Event         `json:"events"` // in any order
	Seconds  Seconds         `json:"seconds"`
	Checks   []check.Outcome `json:"checks"`

	Console     string `json:"console,omitempty"`      // as the guest has written it
	ConsoleNote string `json:"console_note,omitempty"` // why there is no console
}

// A Subject is what was tested.
type Subject struct {
	Kind         string `json:"kind"` // "ami" or "disk"
	ID           string `json:"id"`   // of the AMI, or the disk's path
	Name         string `json:"name,omitempty"`
	Region       string `json:"region,omitempty"`
	Environment  string `json:"environment,omitempty"`
	System       string `json:"system,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	Kernel       string `json:"kernel,omitempty"` // the AKI
}

// An Instance is where the subject ran.
type Instance struct {
	ID             string `json:"id,omitempty"`
	Type           string `json:"type,omitempty"`
	Zone           string `json:"zone,omitempty"`
	Address        string `json:"address,omitempty"`
	PrivateAddress string `json:"private_address,omitempty"`
}

// An Event is a moment of the test: "launched", "running", "first answer",
// "passed", "held", "failed" or "ended".
type Event struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	Text string    `json:"text,omitempty"`
}

// Seconds are counted from [Result.Started]; 0 is what was never reached.
type Seconds struct {
	Running     float64 `json:"running,omitempty"`
	FirstAnswer float64 `json:"first_answer,omitempty"`
	Passed      float64 `json:"passed,omitempty"`
	Total       float64 `json:"total,omitempty"`
}

// JSON writes the result, indented. Times are in UTC and, as all seconds,
// rounded to milliseconds.
func JSON(w io.Writer, r Result) error {
	data, err := json.MarshalIndent(tidy(r), "", "  ")
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// tidy returns a copy in which times are in UTC, times and seconds have whole
// milliseconds, lists aren't nil, and the events are in the order of time.
func tidy(r Result) Result {
	r.Started = utc(r.Started)
	s := &r.Seconds
	for _, seconds := range []*float64{&s.Running, &s.FirstAnswer, &s.Passed, &s.Total} {
		*seconds = rounded(*seconds)
	}
	r.Events = append([]Event{}, r.Events...)
	for i := range r.Events {
		r.Events[i].At = utc(r.Events[i].At)
	}
	slices.SortStableFunc(r.Events, func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(slices.Index(course, a.Name), slices.Index(course, b.Name)))
	})
	r.Checks = append([]check.Outcome{}, r.Checks...)
	for i := range r.Checks {
		attempts := append([]check.Attempt{}, r.Checks[i].Attempts...)
		for j := range attempts {
			attempts[j].Start, attempts[j].Seconds = utc(attempts[j].Start), rounded(attempts[j].Seconds)
		}
		r.Checks[i].Attempts = attempts
	}
	return r
}

// course is the order of events at the same millisecond: the first answer may be
// the last thing that was waited for.
var course = []string{"launched", "running", "first answer", "passed", "held", "failed", "ended"}

func utc(t time.Time) time.Time { return t.UTC().Round(time.Millisecond) }

// aDecade is beyond any test, and below what a time.Duration holds.
const aDecade = 10 * 365 * 24 * 3600.0

// rounded also keeps what is no length of time out of JSON and the drawing.
func rounded(seconds float64) float64 {
	if !(seconds > 0) { // NaN, too
		return 0
	}
	return math.Round(min(seconds, aDecade)*1000) / 1000
}
