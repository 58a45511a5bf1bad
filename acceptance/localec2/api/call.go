package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"
)

// Call is one request on its way through the server.
type Call struct {
	Service   string
	Action    string // set by the service's protocol
	Region    string
	AccessKey string // "" for a call without a signature
	RequestID string
	Start     time.Time // real time, for latency and the record
	Resource  string    // id of the resource that the call is about, for the record
	Request   *http.Request
	Body      []byte

	// EndPending is set by an injected fault: the instances that the call
	// launches end while they are pending, the image that it copies fails, or
	// its import task does.
	EndPending bool
}

// NewCall returns the call for a request that has just arrived.
func NewCall(r *http.Request) *Call {
	return &Call{RequestID: newRequestID(), Start: time.Now(), Request: r}
}

// Sleep waits for d, or until the client disconnects.
func (c *Call) Sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.context().Done():
	}
}

// Abandoned reports whether the client has disconnected.
func (c *Call) Abandoned() bool { return c.context().Err() != nil }

func (c *Call) context() context.Context { return c.Request.Context() }

// newRequestID returns a random UUID.
func newRequestID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // crypto/rand does not fail (Go 1.24)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
