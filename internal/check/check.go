// Package check probes a guest over the network until it responds as expected,
// and records every attempt. It depends on neither AWS nor Packer.
//
// A [Check] is one test of the guest, and a [Plan] adds its timing. [Run] makes
// all plans' checks against a [Target] at the same time. Each is repeated until
// it has passed as many times in a row as its plan requires.
//
// The checks are [TCP], [HTTP], [UDP], [DNS], [ICMP] and [Console]. The error of
// a failed probe is one plain line: "connection refused", "no response within
// 5s", `status 503 Service Unavailable: "starting"`. Data from the guest is
// quoted, shortened, and has its control characters escaped.
//
// A hostile guest can't make a probe last longer than its timeout. At most 64 KiB
// of an HTTP header, 1 MiB of a body and 64 KiB of a datagram are read.
package check

import (
	"context"
	"errors"
	"time"
)

// A Check is one test of a guest.
type Check interface {
	// Kind is the check's type: "tcp", "http", "https", "udp", "dns", "icmp" or
	// "console".
	Kind() string
	// Describe returns a short description: "GET / on port 80".
	Describe() string
	// Ingress returns what a firewall in front of the guest must let in: the
	// protocol, "tcp", "udp" or "icmp", and the port, which is 0 for ICMP. The
	// protocol is "" if the check sends nothing to the guest.
	Ingress() (protocol string, port uint16)
	// Validate returns all errors in the check's settings.
	Validate() error
	// Probe makes the check once. If it passes, it returns what shows that: one
	// plain line, such as "status 200 OK, 5 bytes: \"hello\"". If ctx ends first,
	// the error is the cause of that. Any other error describes what happened
	// instead of the expected response.
	Probe(ctx context.Context, target Target) (evidence string, err error)
}

// A Target is a guest and how to reach it.
type Target struct {
	// Host is the guest's address or name, for checks that need no port.
	Host string
	// Endpoint returns the "host:port" at which a port of the guest is reached.
	// The network is "tcp" or "udp". If nil, it is the same port of Host.
	Endpoint func(network string, port uint16) (string, error)
	// Ping requests one ICMP echo. It is for guests that this machine's own ICMP
	// can't reach, or for which something else would reply. If nil, this machine
	// pings Host.
	Ping func(context.Context) error
	// Connect reports whether the guest accepts TCP connections on a port. It is
	// for guests behind something that accepts connections in their place. If
	// nil, a connection is opened to Endpoint.
	Connect func(ctx context.Context, port uint16) error
	// Console returns what the guest has written to its console so far. It may
	// be nil. An error means that nothing can be read yet.
	Console func(context.Context) (string, error)
}

// An Impossible error means that a check can't be made from this machine, so
// that retrying is useless: the run ends. The functions of a Target may return
// one, too.
type Impossible struct{ Err error }

func (e Impossible) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e Impossible) Unwrap() error { return e.Err }

// A Plan is a check and its timing.
type Plan struct {
	Check
	Name        string        // the user's name for it
	Timeout     time.Duration // of one probe; shorter for the first ones, see [Run]
	Interval    time.Duration // from the end of one probe to the start of the next; shorter for the first ones, see [Run]
	Consecutive int           // number of passes in a row that are required
}

// Validate returns all errors in the plan and its check.
func (p Plan) Validate() error {
	var f faults
	if p.Timeout <= 0 {
		f.add("timeout is %s: must be positive, for example 10s", p.Timeout)
	}
	if p.Interval <= 0 {
		f.add("interval is %s: must be positive, for example 1s", p.Interval)
	}
	if p.Consecutive < 1 {
		f.add("consecutive is %d: must be at least 1", p.Consecutive)
	}
	if p.Check == nil {
		f.add("plan has no check")
		return f.err()
	}
	return errors.Join(p.Check.Validate(), f.err())
}

// title is the plan's name and description, for messages.
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
	Error   string    `json:"error,omitempty"` // "" if it passed
}

// An Outcome is the record of a check.
type Outcome struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	About  string `json:"about"` // the check's description
	Passed bool   `json:"passed"`
	// PassedAt is when the check first had enough passes in a row, even if it
	// failed later, during the hold time. It is zero if that never happened.
	PassedAt time.Time `json:"passed_at,omitzero"`
	// Evidence is what the first probe that passed has seen, on one line.
	Evidence string `json:"evidence,omitempty"`
	// Attempts are in chronological order. If there are more than 1000, some in
	// the middle are dropped, failed ones first. The first 500, the latest ones
	// and the first that passed are always kept.
	Attempts []Attempt `json:"attempts"`
	// Omitted is the number of attempts that were dropped.
	Omitted int `json:"omitted,omitempty"`
}

func newOutcome(p Plan) Outcome {
	o := Outcome{Name: p.Name, Attempts: []Attempt{}}
	if p.Check != nil {
		o.Kind, o.About = p.Kind(), p.Describe()
	}
	return o
}

// Bounds of Outcome.Attempts. They keep all probes of ten minutes at one per
// second, plus the more frequent ones at the start. 1000 of the longest errors
// are a megabyte.
const (
	maxAttempts   = 1000
	firstAttempts = 500
)

// add appends an attempt, and drops one if there are too many.
func (o *Outcome) add(a Attempt) {
	o.Attempts = append(o.Attempts, a)
	if len(o.Attempts) <= maxAttempts {
		return
	}
	drop := firstAttempts + 1 // if none of the later ones failed, the one before may be the first that passed
	for i, a := range o.Attempts[firstAttempts:maxAttempts] {
		if a.Error != "" {
			drop = firstAttempts + i
			break
		}
	}
	o.Attempts = append(o.Attempts[:drop], o.Attempts[drop+1:]...)
	o.Omitted++
}
