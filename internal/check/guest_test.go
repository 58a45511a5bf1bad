package check

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// A guest is a check with a script, for runs in a time of their own. It counts
// the probes that go on.
type guest struct {
	kind    string
	probes  atomic.Int64
	running atomic.Int64
	see     func(ctx context.Context, n int) error // n from 1
}

func (g *guest) Kind() string     { return g.kind }
func (g *guest) Describe() string { return "ask " + g.kind }
func (g *guest) Validate() error  { return nil }

func (g *guest) Probe(ctx context.Context, _ Target) error {
	g.running.Add(1)
	defer g.running.Add(-1)
	return g.see(ctx, int(g.probes.Add(1)))
}

var errRefused = errors.New("refused")

// from refuses before a time has come, and answers then.
func from(up time.Duration) *guest {
	start := time.Now()
	return &guest{kind: "late", see: func(context.Context, int) error {
		if time.Since(start) < up {
			return errRefused
		}
		return nil
	}}
}

// deafUntil never answers what was asked before a time had come.
func deafUntil(up time.Duration) *guest {
	start := time.Now()
	return &guest{kind: "deaf", see: func(ctx context.Context, _ int) error {
		if time.Since(start) < up {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		return nil
	}}
}

func scripted(answers ...error) *guest {
	return &guest{kind: "script", see: func(_ context.Context, n int) error { return answers[min(n, len(answers))-1] }}
}

func planned(c Check) Plan {
	return Plan{Check: c, Name: "web", Timeout: 10 * time.Second, Interval: time.Second, Consecutive: 1}
}

func run(checks ...Check) Run {
	r := Run{Timeout: 10 * time.Minute}
	for _, c := range checks {
		r.Plans = append(r.Plans, planned(c))
	}
	return r
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

var errInterrupted = errors.New("interrupted")

func silentAfter(life time.Duration) *guest {
	start := time.Now()
	return &guest{kind: "mortal", see: func(ctx context.Context, _ int) error {
		if time.Since(start) < life {
			return nil
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}}
}
