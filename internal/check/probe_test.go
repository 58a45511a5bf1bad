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

// How late an answer is noticed is a part of the time that it took to come.
func TestAnswerTime(t *testing.T) {
	for _, up := range []time.Duration{0, 100 * time.Millisecond, time.Second, 8 * time.Second, 30 * time.Second, 3 * time.Minute} {
		for kind, newGuest := range map[string]func(time.Duration) *guest{"refuses": from, "is silent": deafUntil} {
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
						t.Errorf("was noticed after %s, and may be after %s", late, most)
					}
				})
			})
		}
	}
}

// The plan's own timeout is reached, so that a guest that is slow gets it.
func TestSlowGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &guest{kind: "slow", see: func(ctx context.Context, _ int) error {
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
		var saw []string
		for _, a := range outcomes[0].Attempts {
			saw = append(saw, a.Error)
		}
		if diff := cmp.Diff([]string{"refused", "", "", "refused", "", "", ""}, saw); diff != "" {
			t.Error(diff)
		}
		last := outcomes[0].Attempts[4:]
		if got := last[2].Start.Sub(last[0].Start); got != 2*time.Second {
			t.Errorf("three passes in a row came within %s, with an interval of 1s", got)
		}
	})
}

// However short the plan's times are, they don't round to nothing.
func TestGrown(t *testing.T) {
	for _, d := range []time.Duration{1, time.Microsecond, time.Millisecond, firstInterval, firstTimeout, time.Hour} {
		if got := grown(d); got < d || float64(got) > float64(d)*growth+float64(time.Millisecond) {
			t.Errorf("%s grows to %s", d, got)
		}
	}
}

// A guest that has answered may take its whole time for the next answer.
func TestTimeoutInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(&guest{kind: "slow", see: func(ctx context.Context, n int) error {
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
		r := run(&guest{kind: "web", see: func(ctx context.Context, n int) error {
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
			"0s web (ask web): no answer",
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
	var told string
	r.Progress = func(line string) { told = line }
	outcomes, err := r.Do(t.Context())
	expect(t, outcomes[0].Attempts[0].Error, `a\nb\x1b[2J`)
	expect(t, told, `web (ask script): a\nb\x1b[2J`)
	if !strings.Contains(err.Error(), `: a\nb\x1b[2J; `) {
		t.Error(err)
	}
}
