// Package record keeps the calls that the server answered.
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

// maxCalls bounds the record: the oldest calls go first. An upload of a
// terabyte would be two million calls; tests look at some thousands.
const maxCalls = 1 << 17

// Call is one call that the server answered, or cut.
type Call struct {
	Time     time.Time `json:"time"`
	Service  string    `json:"service"`
	Action   string    `json:"action"`
	Region   string    `json:"region"`
	Status   int       `json:"status"`             // HTTP status; 0 where no answer was given
	Code     string    `json:"code,omitempty"`     // AWS's error code
	Resource string    `json:"resource,omitempty"` // id of what it was about
	// Attempt is 1 for a call, and more where an AWS SDK sends it again because
	// no answer came, or one that says so; 0 where the client doesn't tell.
	Attempt int           `json:"attempt,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// Recorder keeps the calls. Its zero value is ready.
type Recorder struct {
	// OnCall, if not nil, is given each call, one at a time.
	OnCall func(Call)

	mu    sync.Mutex
	calls []Call
}

// Note records a call. It is called before the answer is written, so that a
// client which has an answer finds its call in the record.
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

// attempt reads the number of an attempt from the header of the AWS SDKs:
// "amz-sdk-request: attempt=2; max=3" (AWS SDKs and Tools Reference Guide,
// "Retry behavior").
func attempt(r *http.Request) int {
	for part := range strings.SplitSeq(r.Header.Get("Amz-Sdk-Request"), ";") {
		if text, ok := strings.CutPrefix(strings.TrimSpace(part), "attempt="); ok {
			n, _ := strconv.Atoi(text) // 0 for what is no number
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
