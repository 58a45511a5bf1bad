// Package record keeps a record of the calls that the server answered.
package record

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// maxCalls limits the record; the oldest calls are dropped first. An upload of
// a terabyte makes two million calls; tests read some thousands.
const maxCalls = 1 << 17

// Call is a call that the server answered or cut.
type Call struct {
	Time     time.Time `json:"time"`
	Service  string    `json:"service"`
	Action   string    `json:"action"`
	Region   string    `json:"region"`
	Status   int       `json:"status"`             // HTTP status; 0 if there was no answer
	Code     string    `json:"code,omitempty"`     // AWS's error code
	Resource string    `json:"resource,omitempty"` // id of the resource
	// Attempt is 1 for a first call, and more if an AWS SDK retries it. It is 0
	// if the client doesn't say.
	Attempt int           `json:"attempt,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// Recorder keeps the calls. Its zero value is ready to use.
type Recorder struct {
	// OnCall, if not nil, is called with each call, one at a time.
	OnCall func(Call)

	mu    sync.Mutex
	calls []Call
}

// Note records a call. It must be called before the answer is written, so that
// a client that has its answer finds the call in the record.
func (r *Recorder) Note(c *api.Call, status int, code string) {
	done := Call{c.Start, c.Service, c.Action, c.Region, status, code, c.Resource, attempt(c.Request), time.Since(c.Start)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) == maxCalls {
		r.calls = slices.Delete(r.calls, 0, maxCalls/2)
	}
	r.calls = append(r.calls, done)
	if r.OnCall != nil {
		r.OnCall(done)
	}
}

// attempt returns the number of an attempt from a header of the AWS SDKs:
// "amz-sdk-request: attempt=2; max=3" (AWS SDKs and Tools Reference Guide,
// "Retry behavior").
func attempt(r *http.Request) int {
	for part := range strings.SplitSeq(r.Header.Get("Amz-Sdk-Request"), ";") {
		if text, ok := strings.CutPrefix(strings.TrimSpace(part), "attempt="); ok {
			n, _ := strconv.Atoi(text) // 0 if it is not a number
			return n
		}
	}
	return 0
}

// Calls returns the calls so far, oldest first (the last 131072 at most, and
// never fewer than half of that once there were so many).
func (r *Recorder) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}
