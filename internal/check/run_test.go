package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRunEnds(t *testing.T) {
	errCrashed := errors.New("instance i-1 is terminated")
	tests := map[string]struct {
		checks func() []Check
		change func(*Run)
		cancel time.Duration // 0 if the caller doesn't cancel
		want   string
		is     error
		took   time.Duration
	}{
		"passes": {checks: func() []Check { return []Check{scripted(nil), refusedUntil(time.Minute)} }, took: time.Minute},
		"times out": {
			checks: func() []Check { return []Check{scripted(nil), refusedUntil(time.Hour), silentUntil(time.Hour)} },
			took:   10 * time.Minute,
			want: `2 of 3 checks did not pass within 10m0s:
  web (ask script): passed
  web (ask late): refused; 607 attempts
  web (ask silent): no response within 10s; 67 attempts`,
		},
		"times out before the first timeout": {
			checks: func() []Check { return []Check{silentUntil(time.Hour)} },
			change: func(r *Run) { r.Timeout = 200 * time.Millisecond },
			took:   200 * time.Millisecond,
			want:   "1 of 1 checks did not pass within 200ms:\n  web (ask silent): no response before the run ended; 1 attempt",
		},
		"passes too rarely": {
			checks: func() []Check { return []Check{scripted(nil)} },
			change: func(r *Run) { r.Plans[0].Consecutive, r.Timeout = 20, 9500*time.Millisecond },
			took:   9500 * time.Millisecond,
			want:   "1 of 1 checks did not pass within 9.5s:\n  web (ask script): not enough passes in a row; 10 attempts",
		},
		"is reported to fail": {
			checks: func() []Check { return []Check{refusedUntil(time.Hour), scripted(nil)} },
			change: func(r *Run) {
				r.Watch = func(context.Context) error { time.Sleep(5 * time.Second); return errCrashed }
			},
			took: 5 * time.Second,
			is:   errCrashed,
			want: "instance i-1 is terminated:\n  web (ask late): refused; 12 attempts\n  web (ask script): passed",
		},
		"is reported to fail during the hold time": {
			checks: func() []Check { return []Check{silentAfter(4 * time.Second)} },
			change: func(r *Run) {
				r.Hold = time.Minute
				r.Watch = func(context.Context) error { time.Sleep(5500 * time.Millisecond); return errCrashed }
			},
			took: 5500 * time.Millisecond,
			is:   errCrashed,
			want: "instance i-1 is terminated:\n  web (ask dies): passed",
		},
		"is canceled": {
			checks: func() []Check { return []Check{silentUntil(time.Hour)} },
			cancel: 100 * time.Millisecond, took: 100 * time.Millisecond,
			is:   errInterrupted,
			want: "interrupted:\n  web (ask silent): no response before the run ended; 1 attempt",
		},
		"is impossible": {
			checks: func() []Check {
				return []Check{scripted(errRefused, fmt.Errorf("ping: %w", Impossible{errors.New("not permitted")})), silentUntil(time.Hour)}
			},
			took: 100 * time.Millisecond,
			want: "check web (ask script) can't run:\n  web (ask script): ping: not permitted; 2 attempts\n  web (ask silent): no response before the run ended; 1 attempt",
		},
		"holds": {
			checks: func() []Check { return []Check{scripted(nil), scripted(nil)} },
			change: func(r *Run) { r.Hold, r.Plans[1].Interval = 5*time.Second, time.Minute },
			took:   5 * time.Second,
		},
		"fails during the hold time": {
			checks: func() []Check { return []Check{scripted(nil, nil, errRefused), silentUntil(0)} },
			change: func(r *Run) { r.Hold = 5 * time.Second },
			took:   2 * time.Second,
			want:   "check web (ask script) failed during the hold time of 5s:\n  web (ask script): refused; 3 attempts\n  web (ask silent): passed",
		},
		"goes silent during the hold time": {
			checks: func() []Check { return []Check{silentAfter(4 * time.Second)} },
			change: func(r *Run) { r.Hold = 5 * time.Second },
			took:   14 * time.Second,
			want:   "check web (ask dies) failed during the hold time of 5s:\n  web (ask dies): no response within 10s; 5 attempts",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(test.checks()...)
				if test.change != nil {
					test.change(&r)
				}
				r.Progress = func(line string) {
					if strings.Contains(line, errRunEnded.Error()) {
						t.Errorf("an interrupted probe is reported: %s", line)
					}
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if test.cancel != 0 {
					time.AfterFunc(test.cancel, func() { cancel(errInterrupted) })
				}
				start := time.Now()
				outcomes, err := r.Do(ctx)
				took := time.Since(start)
				if diff := cmp.Diff(test.want, text(err)); diff != "" {
					t.Error(diff)
				}
				if test.is != nil && !errors.Is(err, test.is) {
					t.Errorf("%v doesn't wrap %v", err, test.is)
				}
				if late := took - test.took; late < 0 || late > time.Second {
					t.Errorf("took %s, want %s", took, test.took)
				}
				checkOutcomes(t, r, outcomes, test.want)
			})
		})
	}
}

// checkOutcomes compares a run's outcomes with its plans, and with its error.
func checkOutcomes(t *testing.T, r Run, outcomes []Outcome, message string) {
	t.Helper()
	if len(outcomes) != len(r.Plans) {
		t.Fatalf("%d outcomes for %d plans", len(outcomes), len(r.Plans))
	}
	for i, o := range outcomes {
		g := r.Plans[i].Check.(*fakeCheck)
		if n := g.running.Load(); n != 0 {
			t.Errorf("%d probes of %s are still running", n, g.kind)
		}
		if o.Kind != g.kind || o.Name != "web" || o.About != g.Describe() || int64(len(o.Attempts)) != g.probes.Load() {
			t.Errorf("outcome %+v does not match %s, which was probed %d times", o, g.kind, g.probes.Load())
		}
		if said := strings.Contains(message, "("+g.Describe()+"): passed"); message != "" && said != o.Passed {
			t.Errorf("%s: Passed is %t", g.kind, o.Passed)
		}
		if message == "" && (!o.Passed || o.PassedAt.IsZero()) {
			t.Errorf("%s: %+v", g.kind, o)
		}
	}
}

// After a run, nothing is probed, not even in the background.
func TestRunStopsProbing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watching := true
		r := run(scripted(nil), refusedUntil(3*time.Second))
		r.Watch = func(ctx context.Context) error {
			<-ctx.Done()
			watching = false
			return ctx.Err()
		}
		if _, err := r.Do(t.Context()); err != nil {
			t.Error(err)
		}
		if watching {
			t.Error("Watch is still running")
		}
		first := r.Plans[0].Check.(*fakeCheck)
		if n := first.probes.Load(); n != 1 {
			t.Errorf("a check that had passed was probed %d times", n)
		}
		time.Sleep(time.Hour)
		if n := first.probes.Load(); n != 1 {
			t.Errorf("was probed %d times", n)
		}
	})
}

func TestInvalidRun(t *testing.T) {
	r := Run{Plans: []Plan{{Name: "web", Check: TCP{}}, {Name: "none", Timeout: 1, Interval: 1, Consecutive: 1}}}
	outcomes, err := r.Do(t.Context())
	want := `timeout is 0s: must be positive, for example 10m
check 1 "web": port is 0: must be 1 to 65535; timeout is 0s: must be positive, for example 10s; interval is 0s: must be positive, for example 1s; consecutive is 0: must be at least 1
check 2 "none": plan has no check`
	if diff := cmp.Diff(want, text(err)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Outcome{
		{Name: "web", Kind: "tcp", About: "connect to TCP port 0", Attempts: []Attempt{}},
		{Name: "none", Attempts: []Attempt{}},
	}, outcomes); diff != "" {
		t.Error(diff)
	}
	_, err = Run{Timeout: time.Minute}.Do(t.Context())
	expect(t, text(err), "there are no checks: add at least one")
}
