package localec2

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
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

// recorder keeps the calls.
type recorder struct {
	mu    sync.Mutex
	calls []Call
}

// note records a call. It is called before the answer is written, so that a
// client which has an answer finds its call in the record.
func (s *Server) note(c *call, status int, code string) {
	done := Call{c.start, c.service, c.action, c.region, status, code, c.resource, attempt(c.req), time.Since(c.start)}
	r := &s.record
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) == maxCalls {
		r.calls = slices.Delete(r.calls, 0, maxCalls/2)
	}
	r.calls = append(r.calls, done)
	if s.opts.OnCall != nil {
		s.opts.OnCall(done)
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
func (s *Server) Calls() []Call {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return slices.Clone(s.record.calls)
}

// cut closes the connection under an answer that is never given.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 or a test's recorder: net/http drops the stream
	}
	_ = conn.Close()
}

// sleep waits, but not longer than the client does.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
