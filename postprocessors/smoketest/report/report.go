// Package report writes the result of a smoke test: as JSON for programs, as a
// self-contained HTML page for people, and as a short text for the terminal.
//
//	err := report.HTML(file, report.Result{Verdict: report.Passed, Started: launch, ...})
//
// The same [Result] always produces the same bytes. No clock is read, and times
// are in UTC or in seconds since [Result.Started].
//
// Data from the guest (its console, its responses) and from users is untrusted.
// On the page and in the terminal, escape sequences are removed from it, control
// characters are replaced by their symbols, and invalid text by U+FFFD. The page
// has no script, and its content security policy allows only its own style sheet.
// JSON keeps the full text, with control characters escaped and invalid UTF-8
// replaced by U+FFFD.
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
	Cancelled = "cancelled" // the user interrupted the test
	Error     = "error"     // the test could not run, for example for lack of capacity
)

// A Result is the record of one smoke test.
type Result struct {
	Tool    string    `json:"tool"`             // the tool that ran the test, and its version
	Verdict string    `json:"verdict"`          // Passed, Failed, Cancelled or Error; any other value is shown as Failed
	Reason  string    `json:"reason,omitempty"` // why it did not pass; may have several lines
	Started time.Time `json:"started"`          // when the launch was requested: the origin of the timeline

	Subject  Subject         `json:"subject"`
	Instance Instance        `json:"instance"`
	Events   []Event         `json:"events"` // in any order
	Seconds  Seconds         `json:"seconds"`
	Checks   []check.Outcome `json:"checks"`

	Console     string `json:"console,omitempty"`      // exactly as the guest wrote it
	ConsoleNote string `json:"console_note,omitempty"` // why the console is missing
}

// A Subject is the image under test.
type Subject struct {
	Kind         string `json:"kind"` // "ami" or "disk"
	ID           string `json:"id"`   // the AMI's ID, or the disk's path
	Name         string `json:"name,omitempty"`
	Region       string `json:"region,omitempty"`
	Environment  string `json:"environment,omitempty"`
	System       string `json:"system,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	Kernel       string `json:"kernel,omitempty"` // the AKI
}

// An Instance is what the subject ran on.
type Instance struct {
	ID             string `json:"id,omitempty"`
	Type           string `json:"type,omitempty"`
	Zone           string `json:"zone,omitempty"`
	Address        string `json:"address,omitempty"`
	PrivateAddress string `json:"private_address,omitempty"`
}

// An Event is a step of the test: "launched", "running", "first answer",
// "passed", "held", "failed", "cancelled", "error", "kept" or "ended".
type Event struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	Text string    `json:"text,omitempty"`
}

// Seconds are durations since [Result.Started]; 0 means never reached.
type Seconds struct {
	Running     float64 `json:"running,omitempty"`
	FirstAnswer float64 `json:"first_answer,omitempty"`
	Passed      float64 `json:"passed,omitempty"`
	Total       float64 `json:"total,omitempty"`
}

// JSON writes the result, indented. Times are in UTC; times and durations are
// rounded to milliseconds.
func JSON(w io.Writer, r Result) error {
	data, err := json.MarshalIndent(normalize(r), "", "  ")
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// normalize returns a copy in which times are in UTC, times and durations are
// rounded to milliseconds, lists aren't nil, and events are in chronological order.
func normalize(r Result) Result {
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
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(slices.Index(eventOrder, a.Name), slices.Index(eventOrder, b.Name)))
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

// eventOrder is the order of events in the same millisecond: the first answer may
// also be the last one that was needed.
var eventOrder = []string{"launched", "running", "first answer", "passed", "held", "failed", "cancelled", "error", "kept", "ended"}

func utc(t time.Time) time.Time { return t.UTC().Round(time.Millisecond) }

// maxSeconds is ten years: longer than any test, and within the range of a
// time.Duration.
const maxSeconds = 10 * 365 * 24 * 3600.0

// rounded replaces negative durations and NaN, which JSON and the chart can't
// show, by 0.
func rounded(seconds float64) float64 {
	if !(seconds > 0) { // also true for NaN
		return 0
	}
	return math.Round(min(seconds, maxSeconds)*1000) / 1000
}
