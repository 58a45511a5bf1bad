// Package fault makes calls go wrong on demand.
package fault

import (
	"cmp"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// Kinds of faults.
const (
	Delay    = "delay"     // answered late, nothing else
	Throttle = "throttle"  // RequestLimitExceeded, or what the service has for it
	Refuse   = "refuse"    // UnauthorizedOperation, or what the service has for it
	Fail     = "fail"      // an error of one's choice; InternalError with status 500 without one
	Cut      = "cut"       // the connection is closed before the call took effect
	CutAfter = "cut-after" // the same, after it took effect
)

// Fault is something that goes wrong on demand. Empty fields match any call.
type Fault struct {
	Kind    string
	Service string // "ec2", "ebs", "sts"
	Action  string
	Region  string
	From    int           // the first matching call that it strikes, counted from 1; 0 is 1
	Times   int           // how many calls it strikes; 0 is all from then on
	Delay   time.Duration // waited before the call takes effect, whatever the kind
	Code    string        // Fail: the error code
	Status  int           // Fail: the HTTP status
}

// Set holds the faults in force. Its zero value holds none.
type Set struct {
	mu   sync.Mutex
	list []*injected
}

type injected struct {
	Fault
	seen int // matching calls so far
}

// Inject puts a fault in force. It counts the calls from now on. The first
// fault that strikes a call decides; delays add up.
func (s *Set) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, &injected{Fault: f})
}

// Clear takes all faults back.
func (s *Set) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = nil
}

// strike counts a call and returns what befalls it: the first fault other than
// a delay, and the whole delay.
func (s *Set) strike(c *api.Call) (Fault, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first Fault
	var delay time.Duration
	for _, f := range s.list {
		if !f.matches(c) {
			continue
		}
		f.seen++
		n := f.seen - max(f.From, 1)
		if n < 0 || f.Times > 0 && n >= f.Times {
			continue
		}
		delay += f.Delay
		if first.Kind == "" && f.Kind != Delay {
			first = f.Fault
		}
	}
	return first, delay
}

func (f Fault) matches(c *api.Call) bool {
	return (f.Service == "" || f.Service == c.Service) &&
		(f.Action == "" || f.Action == c.Action) &&
		(f.Region == "" || f.Region == c.Region)
}

// ErrCut asks for the connection to be closed with no answer.
var ErrCut = errors.New("connection cut")

// Run runs a call's action under the faults that strike it.
func (s *Set) Run(c *api.Call, errs api.Errors, run api.Run) (any, error) {
	f, delay := s.strike(c)
	if delay > 0 {
		c.Sleep(delay)
		if c.Abandoned() {
			return nil, ErrCut // the client gave up: the call has no effect
		}
	}
	switch f.Kind {
	case Throttle:
		return nil, errs.Throttled
	case Refuse:
		return nil, api.Refuse(http.StatusForbidden, errs.Denied, "You are not authorized to perform this operation.")
	case Fail:
		return nil, f.failure(errs.Internal)
	case Cut:
		return nil, ErrCut
	case CutAfter:
		_, _ = run() // the result is lost with the connection
		return nil, ErrCut
	}
	return run()
}

// failure is the error of a Fail fault. Its code is internal unless the fault
// has one.
func (f Fault) failure(internal string) error {
	return api.Refuse(cmp.Or(f.Status, http.StatusInternalServerError), cmp.Or(f.Code, internal), "An internal error has occurred")
}
