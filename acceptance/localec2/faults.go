package localec2

import (
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/fault"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/record"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
)

// Access keys with these prefixes are rejected, so that tests can act as a
// caller without permissions, or with unknown keys.
const (
	DeniedKeyPrefix  = sigv4.DeniedKeyPrefix
	UnknownKeyPrefix = sigv4.UnknownKeyPrefix
)

// Kinds of faults.
const (
	Delay      = fault.Delay
	Throttle   = fault.Throttle
	Refuse     = fault.Refuse
	Fail       = fault.Fail
	Cut        = fault.Cut
	CutAfter   = fault.CutAfter
	EndPending = fault.EndPending
)

// Fault is a fault to inject. Empty fields match any call.
type Fault = fault.Fault

// ParseFault parses a fault: see [fault.Parse].
func ParseFault(text string) (Fault, error) { return fault.Parse(text) }

// Inject activates a fault, which counts calls from now on. The first fault that
// matches a call applies; delays add up.
func (s *Server) Inject(f Fault) { s.faults.Inject(f) }

// ClearFaults removes all faults.
func (s *Server) ClearFaults() { s.faults.Clear() }

// Call is a call that the server answered or cut.
type Call = record.Call

// Calls returns the calls so far, oldest first (the last 131072 at most, and
// never fewer than half of that once there were so many).
func (s *Server) Calls() []Call { return s.record.Calls() }
