package check

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// A fakeCheck is a scripted check, for runs under a fake clock. It counts its
// probes and those that are running.
type fakeCheck struct {
	kind    string
	probes  atomic.Int64
	running atomic.Int64
	probe   func(ctx context.Context, n int) error // n from 1
}

func (f *fakeCheck) Kind() string                            { return f.kind }
func (f *fakeCheck) Describe() string                        { return "ask " + f.kind }
func (f *fakeCheck) Ingress() (protocol string, port uint16) { return "", 0 }

func (f *fakeCheck) Validate() error { return nil }

func (f *fakeCheck) Probe(ctx context.Context, _ Target) (string, error) {
	f.running.Add(1)
	defer f.running.Add(-1)
	return "fake", f.probe(ctx, int(f.probes.Add(1)))
}

var errRefused = errors.New("refused")

// refusedUntil refuses until the time has passed.
func refusedUntil(up time.Duration) *fakeCheck {
	start := time.Now()
	return &fakeCheck{kind: "late", probe: func(context.Context, int) error {
		if time.Since(start) < up {
			return errRefused
		}
		return nil
	}}
}

// silentUntil never responds to probes that start before the time has passed.
func silentUntil(up time.Duration) *fakeCheck {
	start := time.Now()
	return &fakeCheck{kind: "silent", probe: func(ctx context.Context, _ int) error {
		if time.Since(start) < up {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		return nil
	}}
}

func scripted(results ...error) *fakeCheck {
	return &fakeCheck{kind: "script", probe: func(_ context.Context, n int) error { return results[min(n, len(results))-1] }}
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

// silentAfter never responds to probes that start after the time has passed.
func silentAfter(life time.Duration) *fakeCheck {
	start := time.Now()
	return &fakeCheck{kind: "dies", probe: func(ctx context.Context, _ int) error {
		if time.Since(start) < life {
			return nil
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}}
}
