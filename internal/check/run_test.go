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
		cancel time.Duration // when the caller cancels
		want   string
		is     error
		took   time.Duration
	}{
		"passes": {checks: func() []Check { return []Check{scripted(nil), from(time.Minute)} }, took: time.Minute},
		"times out": {
			checks: func() []Check { return []Check{scripted(nil), from(time.Hour), deafUntil(time.Hour)} },
			took:   10 * time.Minute,
			want: `2 of 3 checks did not pass within 10m0s:
  web (ask script): passed
  web (ask late): refused; 607 attempts
  web (ask deaf): no answer within 10s; 67 attempts`,
		},
		"times out before the first timeout": {
			checks: func() []Check { return []Check{deafUntil(time.Hour)} },
			change: func(r *Run) { r.Timeout = 200 * time.Millisecond },
			took:   200 * time.Millisecond,
			want:   "1 of 1 checks did not pass within 200ms:\n  web (ask deaf): no answer yet when the run ended; 1 attempt",
		},
		"passes too seldom": {
			checks: func() []Check { return []Check{scripted(nil)} },
			change: func(r *Run) { r.Plans[0].Consecutive, r.Timeout = 20, 9500*time.Millisecond },
			took:   9500 * time.Millisecond,
			want:   "1 of 1 checks did not pass within 9.5s:\n  web (ask script): answered well, but not often enough in a row; 10 attempts",
		},
		"is seen to fail": {
			checks: func() []Check { return []Check{from(time.Hour), scripted(nil)} },
			change: func(r *Run) {
				r.Watch = func(context.Context) error { time.Sleep(5 * time.Second); return errCrashed }
			},
			took: 5 * time.Second,
			is:   errCrashed,
			want: "instance i-1 is terminated:\n  web (ask late): refused; 12 attempts\n  web (ask script): passed",
		},
		"is seen to fail while it holds": {
			checks: func() []Check { return []Check{silentAfter(4 * time.Second)} },
			change: func(r *Run) {
				r.Hold = time.Minute
				r.Watch = func(context.Context) error { time.Sleep(5500 * time.Millisecond); return errCrashed }
			},
			took: 5500 * time.Millisecond,
			is:   errCrashed,
			want: "instance i-1 is terminated:\n  web (ask mortal): passed",
		},
		"is cancelled": {
			checks: func() []Check { return []Check{deafUntil(time.Hour)} },
			cancel: 100 * time.Millisecond, took: 100 * time.Millisecond,
			is:   errInterrupted,
			want: "interrupted:\n  web (ask deaf): no answer yet when the run ended; 1 attempt",
		},
		"can't be": {
			checks: func() []Check {
				return []Check{scripted(errRefused, fmt.Errorf("ping: %w", Impossible{errors.New("no right to")})), deafUntil(time.Hour)}
			},
			took: 100 * time.Millisecond,
			want: "check web (ask script) can't be made:\n  web (ask script): ping: no right to; 2 attempts\n  web (ask deaf): no answer yet when the run ended; 1 attempt",
		},
		"holds": {
			checks: func() []Check { return []Check{scripted(nil), scripted(nil)} },
			change: func(r *Run) { r.Hold, r.Plans[1].Interval = 5*time.Second, time.Minute },
			took:   5 * time.Second,
		},
		"fails while it holds": {
			checks: func() []Check { return []Check{scripted(nil, nil, errRefused), deafUntil(0)} },
			change: func(r *Run) { r.Hold = 5 * time.Second },
			took:   2 * time.Second,
			want:   "check web (ask script) failed in the 5s that it was to hold:\n  web (ask script): refused; 3 attempts\n  web (ask deaf): passed",
		},
		"falls silent while it holds": {
			checks: func() []Check { return []Check{silentAfter(4 * time.Second)} },
			change: func(r *Run) { r.Hold = 5 * time.Second },
			took:   14 * time.Second,
			want:   "check web (ask mortal) failed in the 5s that it was to hold:\n  web (ask mortal): no answer within 10s; 5 attempts",
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
					if strings.Contains(line, errCut.Error()) {
						t.Errorf("what the run cut off is told of: %s", line)
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
func checkOutcomes(t *testing.T, r Run, outcomes []Outcome, verdict string) {
	t.Helper()
	if len(outcomes) != len(r.Plans) {
		t.Fatalf("%d outcomes of %d plans", len(outcomes), len(r.Plans))
	}
	for i, o := range outcomes {
		g := r.Plans[i].Check.(*guest)
		if n := g.running.Load(); n != 0 {
			t.Errorf("%d probes of %s go on", n, g.kind)
		}
		if o.Kind != g.kind || o.Name != "web" || o.About != g.Describe() || int64(len(o.Attempts)) != g.probes.Load() {
			t.Errorf("outcome %+v is not of %s, which was probed %d times", o, g.kind, g.probes.Load())
		}
		if said := strings.Contains(verdict, "("+g.Describe()+"): passed"); verdict != "" && said != o.Passed {
			t.Errorf("%s: Passed is %t", g.kind, o.Passed)
		}
		if verdict == "" && (!o.Passed || o.PassedAt.IsZero()) {
			t.Errorf("%s: %+v", g.kind, o)
		}
	}
}

// A run that is over asks no more, not even in the background.
func TestNothingGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watching := true
		r := run(scripted(nil), from(3*time.Second))
		r.Watch = func(ctx context.Context) error {
			<-ctx.Done()
			watching = false
			return ctx.Err()
		}
		if _, err := r.Do(t.Context()); err != nil {
			t.Error(err)
		}
		if watching {
			t.Error("Watch goes on")
		}
		first := r.Plans[0].Check.(*guest)
		if n := first.probes.Load(); n != 1 {
			t.Errorf("a check that had passed was made %d times", n)
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
	want := `timeout 0s: checks need time to pass: give them 10m, say
check 1 "web": port 0: a guest listens on a port from 1 to 65535: name it; timeout 0s: a probe needs time to be answered: give it 10s, say; interval 0s: a guest needs time between two probes: give it 1s, say; consecutive 0: a check passes with 1 or more good answers in a row
check 2 "none": the check itself is missing`
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
	expect(t, text(err), "there is no check, and a guest that is asked nothing would pass: add one")
}
