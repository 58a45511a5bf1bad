package localec2

import (
	"errors"
	"net/http"
	"sync"
	"time"
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

// faults are the faults in force.
type faults struct {
	mu   sync.Mutex
	list []*injected
}

type injected struct {
	Fault
	seen int // matching calls so far
}

// Inject puts a fault in force. It counts the calls from now on. The first
// fault that strikes a call decides; delays add up.
func (s *Server) Inject(f Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = append(s.faults.list, &injected{Fault: f})
}

// ClearFaults takes all faults back.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = nil
}

// strike counts a call and returns what befalls it: the first fault other than
// a delay, and the whole delay.
func (fs *faults) strike(c *call) (Fault, time.Duration) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var first Fault
	var delay time.Duration
	for _, f := range fs.list {
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

func (f Fault) matches(c *call) bool {
	return (f.Service == "" || f.Service == c.service) &&
		(f.Action == "" || f.Action == c.action) &&
		(f.Region == "" || f.Region == c.region)
}

// errCut asks for the connection to be closed with no answer.
var errCut = errors.New("connection cut")

// withFaults runs an action under the faults that strike it.
func (s *Server) withFaults(c *call, svc *service, run func() (any, error)) (any, error) {
	f, delay := s.faults.strike(c)
	if delay > 0 {
		sleep(c.req.Context(), delay)
		if c.req.Context().Err() != nil {
			return nil, errCut // the client gave up: the call has no effect
		}
	}
	switch f.Kind {
	case Throttle:
		return nil, svc.throttle
	case Refuse:
		return nil, refuse(http.StatusForbidden, svc.denied, "You are not authorized to perform this operation.")
	case Fail:
		return nil, f.failure(c)
	case Cut:
		return nil, errCut
	case CutAfter:
		_, _ = run() // what it said is lost with the connection
		return nil, errCut
	}
	return run()
}

func (f Fault) failure(c *call) error {
	code := f.Code
	if code == "" {
		code = "InternalError"
		if c.service == "ebs" {
			code = "InternalServerException"
		}
	}
	status := f.Status
	if status == 0 {
		status = http.StatusInternalServerError
	}
	return refuse(status, code, "An internal error has occurred")
}
