// Package api is the interface between the server and its services. A service
// supplies its actions and protocol ([Protocol]) and the format of its errors
// ([Errors]). The server does what all services have in common: signatures,
// body limits, latency, faults and the record of calls.
//
// To add a service, write a package that returns a [Service], and add it to the
// list in localec2.New.
package api

import (
	"net/http"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
)

// DefaultMaxBody is the limit on the body of a request if the service sets
// none. A block of the EBS direct APIs is 512 KiB, and EC2 requests that AWS
// accepts are far below 1 MiB.
const DefaultMaxBody = 1 << 20

// Service is one of the APIs that the server serves.
type Service struct {
	// Name is the service's name in a signature's credential scope: "ec2".
	Name string

	// Claims reports whether a request without a readable signature is for this
	// service. Nil means no.
	Claims func(r *http.Request, body []byte) bool

	// MaxBody is the maximum size of a request body in bytes. Zero means
	// DefaultMaxBody.
	MaxBody int64

	// Open admits callers that have no permissions, as STS does.
	Open bool

	// Anonymous lists the actions that need no signature.
	Anonymous []string

	Protocol Protocol
	Errors   Errors
}

// Run runs an action. Its result is passed to [Protocol.Write].
type Run func() (any, error)

// Protocol reads the requests of a service and writes its answers.
type Protocol interface {
	// Actions returns the names of all actions of the service.
	Actions() []string

	// Read finds the requested action, sets the call's Action, and returns a
	// function that runs it. It sets Action even if it returns an error, if the
	// request names one.
	Read(c *Call) (Run, error)

	// Write writes the result of an action. The HTTP status is 200 unless the
	// result implements [StatusCoder].
	Write(w http.ResponseWriter, c *Call, result any)

	// WriteError writes an error.
	WriteError(w http.ResponseWriter, c *Call, e *Error)
}

// StatusCoder is a result with an HTTP status of its own.
type StatusCoder interface{ HTTPStatus() int }

// Errors are the errors that each service words differently.
type Errors struct {
	Signature func(f sigv4.Fault, region string) *Error // for a missing or invalid signature
	Throttled *Error
	Denied    string // code for a call that the caller has no permission for
	Encoded   bool   // a denial has an encoded message, which STS can decode
	Internal  string // code for a failure inside AWS
}
