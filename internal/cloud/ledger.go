package cloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A Ledger lists what a build or a test creates, each resource before the
// request for it is sent, so that all of it can be removed. It may hold
// resources of several services and regions. It is safe for concurrent use; the
// zero value is an empty ledger.
type Ledger struct {
	mu      sync.Mutex
	entries []*entry
}

// A Resource is something that AWS is asked to create.
type Resource interface {
	// Session is the region and account of the resource.
	Session() *Session
	// Describe names the resource by its id, or by its tags if the id is "", and
	// the command that removes it.
	Describe(id string) string
	// Find returns the id of the resource by what its request carried, or "" if
	// AWS knows no such resource.
	Find(context.Context) (id string, err error)
	// Remove asks AWS once to remove the resource. An error other than [ErrGone],
	// [ErrInUse] and transient ones is final.
	Remove(ctx context.Context, id string) error
}

// A SlowResource takes longer to remove than the Undo budget has time for.
type SlowResource interface {
	Resource
	// RemovalTime is the longest that the removal takes.
	RemovalTime() time.Duration
}

// What Remove can find.
var (
	ErrGone  = errors.New("does not exist")
	ErrInUse = errors.New("is in use")
)

type entry struct {
	Resource
	id        string    // "" until AWS has answered
	requested time.Time // when the last request ended; zero for a resource that was added
}

// Create writes a resource down, requests it, and notes the id that AWS answers
// with. Calls that the request makes must count their attempts in sent. A request
// that was throttled is repeated. If it was refused, there is nothing to remove.
// If no answer shows whether the resource was created, Create looks for it; if it
// is there, the request has succeeded.
func (l *Ledger) Create(ctx context.Context, r Resource, request func(sent *Attempts) (id string, err error)) (string, error) {
	e := l.add(r)
	var sent Attempts
	var id string
	err := r.Session().Waits.Retry(ctx, func() (_ bool, err error) {
		id, err = request(&sent)
		return false, err
	})
	if err != nil && sent.Refused() {
		l.strike(e)
		return "", err
	}
	e.requested = time.Now()
	if err != nil && ctx.Err() == nil {
		if found, lookup := e.find(ctx); lookup == nil && found != "" {
			id, err = found, nil
		}
	}
	l.identify(e, id)
	return id, err
}

// Add enters a resource that exists, or that may exist if its id is "".
func (l *Ledger) Add(r Resource, id string) { l.identify(l.add(r), id) }

func (l *Ledger) add(r Resource) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &entry{Resource: r}
	l.entries = append(l.entries, e)
	return e
}

// identify completes an entry with the id; "" if that is still unknown. A
// repeated request may be answered with a resource that has an entry already.
func (l *Ledger) identify(e *entry, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = slices.DeleteFunc(l.entries, func(other *entry) bool { return other != e && id != "" && other.id == id })
	e.id = id
}

func (l *Ledger) strike(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = slices.DeleteFunc(l.entries, func(other *entry) bool { return other == e })
}

// Strike takes a resource off the ledger that was removed.
func (l *Ledger) Strike(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = slices.DeleteFunc(l.entries, func(e *entry) bool { return e.id == id })
}

// Len is the number of resources that Undo would look for and remove.
func (l *Ledger) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// Undo removes everything in the ledger, newest first, and empties it. It goes
// on after a failure. It doesn't end with ctx, which may be cancelled already
// (Ctrl-C is the usual reason to undo), but with the Undo budget of each region,
// and the time that slow resources take. It returns the ids of what was removed,
// and an error that names whatever is left and how to remove it.
func (l *Ledger) Undo(ctx context.Context) (removed []string, err error) {
	entries := l.empty()
	budget := undoBudget(entries)
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), budget, fmt.Errorf("not done within %s", budget))
	defer cancel()
	var errs []error
	for _, e := range slices.Backward(entries) {
		if err := e.undo(ctx, len(errs) > 0); err != nil {
			errs = append(errs, fmt.Errorf("remove %s: %w", e.Describe(e.id), err))
		} else if e.id != "" {
			removed = append(removed, e.id)
		}
	}
	return removed, errors.Join(errs...)
}

func undoBudget(entries []*entry) time.Duration {
	var budget time.Duration
	counted := map[*Session]bool{}
	for _, e := range entries {
		if s := e.Session(); !counted[s] {
			counted[s] = true
			budget += s.Waits.Undo
		}
		if slow, ok := e.Resource.(SlowResource); ok {
			budget += slow.RemovalTime()
		}
	}
	return budget
}

// Left describes each resource in the ledger and how to remove it by hand, in
// the order in which that can be done. It changes nothing.
func (l *Ledger) Left() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return describe(l.entries)
}

// Keep empties the ledger without removing anything, and describes what it
// held, as Left does.
func (l *Ledger) Keep() []string { return describe(l.empty()) }

func describe(entries []*entry) []string {
	var lines []string
	for _, e := range slices.Backward(entries) {
		lines = append(lines, e.Describe(e.id))
	}
	return lines
}

func (l *Ledger) empty() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := l.entries
	l.entries = nil
	return entries
}

// undo removes an entry's resource. With hurry it doesn't wait long for what
// uses the resource: something that could not be removed.
func (e *entry) undo(ctx context.Context, hurry bool) error {
	if e.id == "" {
		var err error
		if e.id, err = e.find(ctx); err != nil || e.id == "" {
			return err
		}
	}
	// EC2 may not know a resource that it has just created, and may count one as
	// in use whose user has just been removed. A lost or throttled call would
	// leave something behind, so it is repeated.
	err := e.Session().Waits.Retry(ctx, func() (bool, error) {
		err := e.removeOnce(ctx, hurry)
		return errors.Is(err, ErrGone) || errors.Is(err, ErrInUse) || IsTransient(err), err
	})
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

func (e *entry) removeOnce(ctx context.Context, hurry bool) error {
	if settle := e.Session().Waits.Settle; hurry {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, settle, fmt.Errorf("not done within %s", settle))
		defer cancel()
	}
	return e.Remove(ctx, e.id)
}

// find looks for a resource whose request was not answered, at least once, until
// it is there or EC2 must have settled since the request.
func (e *entry) find(ctx context.Context) (id string, err error) {
	waits := e.Session().Waits
	since := e.requested
	if since.IsZero() {
		since = time.Now()
	}
	err = waits.retry(ctx, since.Add(waits.Settle), func() (bool, error) {
		var err error
		id, err = e.Find(ctx)
		return IsTransient(err) || err == nil && id == "", err
	})
	return id, err
}
