// Package check asks a guest on the network whether it does what it should, as
// often as it takes, and keeps what was seen. It knows neither AWS nor Packer.
//
// A [Check] is one question; a [Plan] adds how patiently it is put. [Run] puts a
// list of plans to a [Target] at the same time, each until it has been answered
// well as often in a row as the plan says, and returns how each went.
//
// The kinds are [TCP], [HTTP], [UDP], [DNS], [ICMP] and [Console]. What they
// see instead of a good answer is one line in plain words: "refused", "no
// answer within 5s", `status 503 Service Unavailable: "starting"`. Bytes of the
// guest appear in it quoted, in part, with control characters made visible.
//
// A guest that is no friend can make no probe longer than its timeout: of what
// it sends, at most 64 KiB of an HTTP header, 1 MiB of a body and 64 KiB of a
// datagram are read.
package check

import (
	"context"
	"errors"
	"time"
)

// A Check is one question to a guest.
type Check interface {
	// Kind is the check's type: "tcp", "http", "https", "udp", "dns", "icmp" or
	// "console".
	Kind() string
	// Describe says in a few words what is asked: "GET / on port 80".
	Describe() string
	// Validate returns everything that is wrong with the check's settings.
	Validate() error
	// Probe asks once, until ctx is done; the cause of that says what is then
	// seen. The error says what was seen instead of a good answer.
	Probe(ctx context.Context, target Target) error
}

// A Target is the guest, and the ways to it.
type Target struct {
	// Host is the guest's address or name, for what needs no port.
	Host string
	// Endpoint returns where a port of the guest is reached, as "host:port". The
	// network is "tcp" or "udp". Where it is nil, that is the same port of Host.
	Endpoint func(network string, port uint16) (string, error)
	// Ping asks for one ICMP echo, where this machine's own ICMP can't reach the
	// guest or would be answered by somebody else. Where it is nil, this
	// machine pings Host.
	Ping func(context.Context) error
	// Connect asks whether the guest accepts TCP connections on a port, where a
	// connection of one's own would be accepted by somebody else. Where it is
	// nil, a connection is opened to Endpoint.
	Connect func(ctx context.Context, port uint16) error
	// Console returns what the guest has written to its console so far. It may
	// be nil, and an error means that nothing can be read yet.
	Console func(context.Context) (string, error)
}

// An Impossible error is seen by a check that can't pass however often it is
// made, as it can't be made from here at all: a run ends with the first. The
// functions of a Target may return one, too.
type Impossible struct{ Err error }

func (e Impossible) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e Impossible) Unwrap() error { return e.Err }

// A Plan is a check and how patiently it is made.
type Plan struct {
	Check
	Name        string        // what the user calls it
	Timeout     time.Duration // of one probe; the first ones get less, see [Run]
	Interval    time.Duration // from the end of one probe to the next; the first ones are shorter, see [Run]
	Consecutive int           // the passes in a row that make it pass
}

// Validate returns everything that is wrong with the plan and its check.
func (p Plan) Validate() error {
	var f faults
	if p.Timeout <= 0 {
		f.add("timeout %s: a probe needs time to be answered: give it 10s, say", p.Timeout)
	}
	if p.Interval <= 0 {
		f.add("interval %s: a guest needs time between two probes: give it 1s, say", p.Interval)
	}
	if p.Consecutive < 1 {
		f.add("consecutive %d: a check passes with 1 or more good answers in a row", p.Consecutive)
	}
	if p.Check == nil {
		f.add("the check itself is missing")
		return f.err()
	}
	return errors.Join(p.Check.Validate(), f.err())
}

// title names the plan, and what it asks, in messages.
func (p Plan) title() string {
	name := p.Name
	if name == "" {
		name = p.Kind()
	}
	return name + " (" + p.Describe() + ")"
}

// An Attempt is one probe.
type Attempt struct {
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
	Error   string    `json:"error,omitempty"` // what was seen instead; "" where it passed
}

// An Outcome is how a check went.
type Outcome struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	About  string `json:"about"` // what was asked
	Passed bool   `json:"passed"`
	// PassedAt is when the last pass of the first sufficient row came in, even
	// if the check failed again in the time to hold. It is zero where there was none.
	PassedAt time.Time `json:"passed_at,omitzero"`
	// Attempts are in the order of time. Of more than 1000, those in the middle
	// go, failed ones first: the first 500, the latest ones and the first that
	// passed are always there.
	Attempts []Attempt `json:"attempts"`
	// Omitted counts the attempts that are not among Attempts.
	Omitted int `json:"omitted,omitempty"`
}

func newOutcome(p Plan) Outcome {
	o := Outcome{Name: p.Name, Attempts: []Attempt{}}
	if p.Check != nil {
		o.Kind, o.About = p.Kind(), p.Describe()
	}
	return o
}

// Bounds of Outcome.Attempts: a probe each second for ten minutes, with room
// for the closer ones at the beginning, is kept whole. 1000 of the longest
// errors are a megabyte.
const (
	maxAttempts   = 1000
	firstAttempts = 500
)

// add appends an attempt, and drops one where there are too many.
func (o *Outcome) add(a Attempt) {
	o.Attempts = append(o.Attempts, a)
	if len(o.Attempts) <= maxAttempts {
		return
	}
	drop := firstAttempts + 1 // where none of the later ones failed, the one before may be the first that passed
	for i, a := range o.Attempts[firstAttempts:maxAttempts] {
		if a.Error != "" {
			drop = firstAttempts + i
			break
		}
	}
	o.Attempts = append(o.Attempts[:drop], o.Attempts[drop+1:]...)
	o.Omitted++
}
