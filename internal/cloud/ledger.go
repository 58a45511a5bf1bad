package cloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A Ledger lists what one build creates, each before it is asked for, so that
// all of it can be taken back. It is safe for concurrent use.
type Ledger struct {
	mu      sync.Mutex
	entries []*Entry
}

// A Resource is something that EC2 is asked to create.
type Resource interface {
	// Describe names the resource by its id, or by its build where the id is
	// not known, and tells how to remove it by hand.
	Describe(id string) string
	// Find returns the id of the resource by what its request carried, or ""
	// where EC2 knows of none.
	Find(context.Context) (string, error)
	// Remove asks EC2 once to remove the resource. The error is one of
	// ErrGone, ErrInUse or final.
	Remove(ctx context.Context, id string) error
}

// A Lingering resource takes longer to remove than the Undo budget has time for.
type Lingering interface {
	// Removal is the time that it takes at most.
	Removal(Waits) time.Duration
}

// Errors of [Resource.Remove] that a ledger knows.
var (
	ErrGone  = errors.New("does not exist")
	ErrInUse = errors.New("is in use")
)

// An Entry is one resource in the ledger.
type Entry struct {
	resource Resource
	id       string // "" until EC2 has answered
	refused  bool   // EC2 has answered, and made nothing
}

// Intend writes down a resource that is about to be asked for.
func (l *Ledger) Intend(r Resource) *Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &Entry{resource: r}
	l.entries = append(l.entries, e)
	return e
}

// Answered completes an entry with what EC2 said: an id, or that it made
// nothing. A repeated request may be answered with a resource that is in the
// ledger already.
func (l *Ledger) Answered(e *Entry, id string, refused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = slices.DeleteFunc(l.entries, func(other *Entry) bool { return other != e && id != "" && other.id == id })
	e.id, e.refused = id, refused
}

// forget strikes out an entry of which EC2 has said that it made nothing.
func (l *Ledger) forget(e *Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = slices.DeleteFunc(l.entries, func(other *Entry) bool { return other == e })
}

// Conclude completes an entry with the outcome of its request. Where no answer
// tells whether the resource was made, it is looked for; if it is there, the
// request has succeeded.
func (l *Ledger) Conclude(ctx context.Context, waits Waits, e *Entry, id string, refused bool, err error) (string, error) {
	if refused {
		l.forget(e)
		return "", err
	}
	if err != nil && ctx.Err() == nil {
		if e.identify(ctx, waits) == nil && e.id != "" {
			id, err = e.id, nil
		}
	}
	l.Answered(e, id, false)
	return id, err
}

// Len is the number of resources that Undo would look for and remove.
func (l *Ledger) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// Undo removes everything in the ledger, newest first, and empties it. It goes
// on after a failure and doesn't end with ctx, which may be cancelled already
// (Ctrl-C is the usual reason to undo), but with the waits' Undo budget (and
// that for ending instances). It returns what was removed, and an error that
// names whatever is left and how to remove it.
func (l *Ledger) Undo(ctx context.Context, waits Waits) (removed []string, err error) {
	entries := l.empty()
	budget := waits.Undo
	for _, e := range entries {
		if r, ok := e.resource.(Lingering); ok {
			budget += r.Removal(waits)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), budget)
	defer cancel()
	var errs []error
	for _, e := range slices.Backward(entries) {
		if err := e.undo(ctx, waits, len(errs) > 0); err != nil {
			errs = append(errs, fmt.Errorf("remove %s: %w", e.resource.Describe(e.id), err))
		} else if e.id != "" {
			removed = append(removed, e.id)
		}
	}
	return removed, errors.Join(errs...)
}

// Keep empties the ledger, removes nothing, and returns for each resource what
// it is and how to remove it by hand, in the order in which that can be done.
func (l *Ledger) Keep() []string {
	var left []string
	for _, e := range slices.Backward(l.empty()) {
		if e.id != "" || !e.refused {
			left = append(left, e.resource.Describe(e.id))
		}
	}
	return left
}

func (l *Ledger) empty() []*Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := l.entries
	l.entries = nil
	return entries
}

// undo removes an entry's resource. With hurry it doesn't wait long for those
// that use it: one of them couldn't be removed.
func (e *Entry) undo(ctx context.Context, waits Waits, hurry bool) error {
	if hurry {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, waits.Settle, fmt.Errorf("not done within %s", waits.Settle))
		defer cancel()
	}
	if e.id == "" {
		if err := e.identify(ctx, waits); err != nil || e.id == "" {
			return err
		}
	}
	// A resource that EC2 has just made may be denied for a moment, and one
	// whose user has just been removed may still count as in use. What is lost or
	// throttled here leaves something behind, so it is asked again.
	err := waits.Retry(ctx, func() (bool, error) {
		err := e.resource.Remove(ctx, e.id)
		return errors.Is(err, ErrGone) || errors.Is(err, ErrInUse) || IsTransient(err), err
	})
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

// identify looks for a resource whose request was not answered. Where EC2
// Refused it, one look is enough.
func (e *Entry) identify(ctx context.Context, waits Waits) error {
	return waits.Retry(ctx, func() (bool, error) {
		var err error
		e.id, err = e.resource.Find(ctx)
		return IsTransient(err) || err == nil && e.id == "" && !e.refused, err
	})
}
