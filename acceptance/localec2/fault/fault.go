// Package fault injects faults into calls.
package fault

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// Kinds of faults.
const (
	Delay    = "delay"     // the answer is late
	Throttle = "throttle"  // RequestLimitExceeded, or the service's equivalent
	Refuse   = "refuse"    // UnauthorizedOperation, or the service's equivalent
	Fail     = "fail"      // the error in Code and Status; by default InternalError with status 500
	Cut      = "cut"       // the connection is closed before the call takes effect
	CutAfter = "cut-after" // the connection is closed after the call has taken effect

	// EndPending lets RunInstances succeed, but the instances end while they
	// are pending: they are terminated with the state reason
	// Server.InternalError. It lets CopyImage succeed, but the image fails once
	// it is no longer pending, and ImportSnapshot, but its task fails while it is
	// active. It applies to no other action.
	EndPending = "end-pending"
)

// Fault is a fault to inject. Empty fields match any call.
type Fault struct {
	Kind    string
	Service string // "ec2", "ebs", "ssm", "sts"
	Action  string
	Region  string
	From    int           // the first matching call it applies to, counted from 1; 0 means 1
	Times   int           // the number of calls it applies to; 0 means all from then on
	Delay   time.Duration // before the call takes effect, for every kind
	Code    string        // Fail: the error code
	Status  int           // Fail: the HTTP status
}

// Set holds the active faults. Its zero value is empty.
type Set struct {
	mu   sync.Mutex
	list []*injected
}

type injected struct {
	Fault
	seen int // matching calls so far
}

// Inject activates a fault, which counts calls from now on. The first fault
// that matches a call applies; delays add up.
func (s *Set) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, &injected{Fault: f})
}

// Clear removes all faults.
func (s *Set) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = nil
}

// strike counts a call. It returns the first fault that applies to it, other
// than a delay, and the total delay.
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

// pendingActions are the actions that EndPending applies to.
var pendingActions = []string{"RunInstances", "CopyImage", "ImportSnapshot"}

func (f Fault) matches(c *api.Call) bool {
	if f.Kind == EndPending && !slices.Contains(pendingActions, c.Action) {
		return false
	}
	return (f.Service == "" || f.Service == c.Service) &&
		(f.Action == "" || f.Action == c.Action) &&
		(f.Region == "" || f.Region == c.Region)
}

// ErrCut means that the connection must be closed without an answer.
var ErrCut = errors.New("connection cut")

// Run runs the action of a call under the faults that apply to it.
func (s *Set) Run(c *api.Call, errs api.Errors, run api.Run) (any, error) {
	f, delay := s.strike(c)
	if delay > 0 {
		c.Sleep(delay)
		if c.Abandoned() {
			return nil, ErrCut // the client disconnected: the call has no effect
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
	case EndPending:
		c.EndPending = true // packages instance, image and importtask read it
	}
	return run()
}

// failure returns the error of a Fail fault. Its code is internal unless the
// fault sets one.
func (f Fault) failure(internal string) error {
	return api.Refuse(cmp.Or(f.Status, http.StatusInternalServerError), cmp.Or(f.Code, internal), "An internal error has occurred")
}
