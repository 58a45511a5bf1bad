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

// The delay until a response is noticed is bounded by a share of the time it took.
func TestResponseDelay(t *testing.T) {
	for _, up := range []time.Duration{0, 100 * time.Millisecond, time.Second, 8 * time.Second, 30 * time.Second, 3 * time.Minute} {
		for kind, newGuest := range map[string]func(time.Duration) *fakeCheck{"refuses": refusedUntil, "is silent": silentUntil} {
			t.Run(fmt.Sprintf("%s for %s", kind, up), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					outcomes, err := run(newGuest(up)).Do(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					late := outcomes[0].PassedAt.Sub(start) - up
					most := min(firstTimeout+firstInterval+up/4, 11*time.Second)
					if kind == "refuses" {
						most = min(most, time.Second)
					}
					if late < 0 || late > most {
						t.Errorf("noticed after %s, want at most %s", late, most)
					}
				})
			})
		}
	}
}

// The timeout grows to the plan's own, so that a slow guest can pass.
func TestSlowGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &fakeCheck{kind: "slow", probe: func(ctx context.Context, _ int) error {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(9990 * time.Millisecond):
				return nil
			}
		}}
		start := time.Now()
		if _, err := run(slow).Do(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 90*time.Second {
			t.Errorf("passed after %s", took)
		}
	})
}

func TestConsecutive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(scripted(errRefused, nil, nil, errRefused, nil))
		r.Plans[0].Consecutive = 3
		outcomes, err := r.Do(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range outcomes[0].Attempts {
			got = append(got, a.Error)
		}
		if diff := cmp.Diff([]string{"refused", "", "", "refused", "", "", ""}, got); diff != "" {
			t.Error(diff)
		}
		last := outcomes[0].Attempts[4:]
		if got := last[2].Start.Sub(last[0].Start); got != 2*time.Second {
			t.Errorf("three passes in a row took %s, with an interval of 1s", got)
		}
	})
}

// Rounding never makes a time shorter.
func TestGrow(t *testing.T) {
	for _, d := range []time.Duration{1, time.Microsecond, time.Millisecond, firstInterval, firstTimeout, time.Hour} {
		if got := grow(d); got < d || float64(got) > float64(d)*growth+float64(time.Millisecond) {
			t.Errorf("%s grows to %s", d, got)
		}
	}
}

// After a pass, the next probe gets the plan's full timeout.
func TestTimeoutAfterPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(&fakeCheck{kind: "slow", probe: func(ctx context.Context, n int) error {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Duration(n-1) * 9 * time.Second):
				return nil
			}
		}})
		r.Plans[0].Consecutive = 2
		outcomes, err := r.Do(t.Context())
		if err != nil || len(outcomes[0].Attempts) != 2 {
			t.Errorf("%v after %+v", err, outcomes)
		}
	})
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var lines []string
		r := run(&fakeCheck{kind: "web", probe: func(ctx context.Context, n int) error {
			switch at := time.Since(start); {
			case at < 5*time.Second:
				<-ctx.Done()
				return context.Cause(ctx)
			case at < 8*time.Second:
				return errRefused
			case at < 45*time.Second:
				return fmt.Errorf("status 503: \"request %d\"", n)
			}
			return nil
		}})
		r.Plans[0].Consecutive = 2
		r.Progress = func(line string) {
			lines = append(lines, fmt.Sprintf("%.0fs %s", time.Since(start).Seconds(), line))
		}
		if _, err := r.Do(t.Context()); err != nil {
			t.Error(err)
		}
		want := []string{
			"0s web (ask web): no response",
			`11s web (ask web): status 503: "request 15"`,
			`21s web (ask web): status 503: "request 25"`,
			`31s web (ask web): status 503: "request 35"`,
			`41s web (ask web): status 503: "request 45"`,
			"46s web (ask web): passed after 46.024s, 50 attempts",
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Error(diff)
		}
	})
}

func TestErrorsAreOneLine(t *testing.T) {
	r := run(scripted(errors.New("a\nb\x1b[2J")))
	r.Timeout = 10 * time.Millisecond
	var reported string
	r.Progress = func(line string) { reported = line }
	outcomes, err := r.Do(t.Context())
	expect(t, outcomes[0].Attempts[0].Error, `a\nb\x1b[2J`)
	expect(t, reported, `web (ask script): a\nb\x1b[2J`)
	if !strings.Contains(err.Error(), `: a\nb\x1b[2J; `) {
		t.Error(err)
	}
}
