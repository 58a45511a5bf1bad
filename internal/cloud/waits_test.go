package cloud

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The user's polling is obeyed exactly; without it, the pauses grow and the
// budget ends the wait.
func TestPolling(t *testing.T) {
	const s = time.Second
	for name, test := range map[string]struct {
		polling Polling
		doneAt  int // the question that is answered with "done"; 0 for never
		want    []time.Duration
		err     string
	}{
		"own pauses":           {Polling{}, 5, []time.Duration{0, 1 * s, 2500 * time.Millisecond, 4500 * time.Millisecond, 6500 * time.Millisecond}, ""},
		"own budget":           {Polling{}, 0, []time.Duration{0, 1 * s, 2500 * time.Millisecond, 4500 * time.Millisecond, 6500 * time.Millisecond, 8500 * time.Millisecond}, "not done within 10s; last state: pending"},
		"a delay":              {Polling{Delay: 4 * s}, 0, []time.Duration{0, 4 * s, 8 * s}, "not done within 10s"},
		"attempts":             {Polling{Attempts: 2}, 0, []time.Duration{0, 1 * s}, "not done after 2 checks, as {Polling} allows; last state: pending"},
		"one attempt":          {Polling{Attempts: 1}, 0, []time.Duration{0}, "not done after 1 check"},
		"both":                 {Polling{Delay: 7 * s, Attempts: 4}, 0, []time.Duration{0, 7 * s, 14 * s, 21 * s}, "after 4 checks"},
		"the last attempt":     {Polling{Delay: 7 * s, Attempts: 4}, 4, []time.Duration{0, 7 * s, 14 * s, 21 * s}, ""},
		"longer than a budget": {Polling{Delay: 60 * s, Attempts: 3}, 3, []time.Duration{0, 60 * s, 120 * s}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				waits := Waits{Delay: s, MaxDelay: 2 * s, Polling: test.polling}
				start, asked := time.Now(), []time.Duration(nil)
				err := waits.Await(t.Context(), "an AMI", 10*s, func(context.Context) (string, bool, error) {
					asked = append(asked, time.Since(start))
					return "pending", len(asked) == test.doneAt, nil
				})
				if diff := cmp.Diff(test.want, asked); diff != "" {
					t.Errorf("questions (-want +got):\n%s", diff)
				}
				if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}
