// Package api is the seam between the server and its services. A service
// brings its actions and protocol ([Protocol]), and the shape of its errors
// ([Errors]); the server does everything that services have in common:
// signatures, body limits, latency, faults and the record of calls.
//
// To add a service, make a package that returns a [Service], and add it to the
// list in localec2.New.
package api

import (
	"net/http"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
)

// DefaultMaxBody is the limit on a request's body unless the service has its
// own. A block of the EBS direct APIs is 512 KiB, and no EC2 request that AWS
// accepts comes near 1 MiB.
const DefaultMaxBody = 1 << 20

// Service is one of the APIs behind the server's port.
type Service struct {
	// Name is the service's name in a signature's credential scope: "ec2".
	Name string

	// Claims reports whether a request without a readable signature is for
	// this service. Nil means that it never is.
	Claims func(r *http.Request, body []byte) bool

	// MaxBody is the largest body of a request in bytes. Zero means
	// DefaultMaxBody.
	MaxBody int64

	// Open lets in callers that have no permissions, as STS does.
	Open bool

	Protocol Protocol
	Errors   Errors
}

// Run does what a call asks for. Its result is for [Protocol.Write].
type Run func() (any, error)

// Protocol reads the requests of a service and writes its answers.
type Protocol interface {
	// Actions lists the names of all actions that the service knows.
	Actions() []string

	// Read finds the action that a request asks for, sets the call's Action,
	// and returns what runs it. The name is set even if the action is refused.
	Read(c *Call) (Run, error)

	// Write writes the result of an action. A result that implements
	// [StatusCoder] has an HTTP status other than 200.
	Write(w http.ResponseWriter, c *Call, result any)

	// WriteError writes a refusal.
	WriteError(w http.ResponseWriter, c *Call, e *Error)
}

// StatusCoder is a result with an HTTP status of its own.
type StatusCoder interface{ HTTPStatus() int }

// Errors are the errors that a service words in its own way.
type Errors struct {
	Signature func(f sigv4.Fault, region string) *Error // a signature is missing or wrong
	Throttled *Error
	Denied    string // code of a call that the caller may not make
	Internal  string // code of a failure inside AWS
}
