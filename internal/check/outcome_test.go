package check

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAttemptsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(&fakeCheck{kind: "long", probe: func(_ context.Context, n int) error {
			if n%3000 == 2000 { // one pass among many failures
				return nil
			}
			return fmt.Errorf("refused %d", n)
		}})
		r.Plans[0].Consecutive = 2
		r.Timeout = 4000 * time.Second
		outcomes, err := r.Do(t.Context())
		if err == nil {
			t.Fatal("passed")
		}
		o := outcomes[0]
		probes := int(r.Plans[0].Check.(*fakeCheck).probes.Load())
		if len(o.Attempts) != maxAttempts || o.Omitted != probes-maxAttempts {
			t.Errorf("%d attempts and %d omitted, of %d", len(o.Attempts), o.Omitted, probes)
		}
		passes := 0
		for i, a := range o.Attempts {
			if a.Error == "" {
				passes++
			}
			if i < firstAttempts && a.Error != fmt.Sprintf("refused %d", i+1) {
				t.Fatalf("attempt %d is %q", i, a.Error)
			}
			if i > 0 && a.Start.Before(o.Attempts[i-1].Start) {
				t.Fatalf("attempt %d started before the previous one", i)
			}
		}
		if passes != 1 {
			t.Errorf("kept %d passes, want 1", passes)
		}
		if last := o.Attempts[maxAttempts-1].Error; last != fmt.Sprintf("refused %d", probes) {
			t.Errorf("the last attempt is %q", last)
		}
		if want := fmt.Sprintf("%d attempts", probes); !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q does not end with %q", err, want)
		}
	})
}

// The first pass is kept even if only passes can be dropped.
func TestFirstPassIsKept(t *testing.T) {
	var o Outcome
	start := time.Now()
	for i := range 3000 {
		a := Attempt{Start: start.Add(time.Duration(i) * time.Second)}
		if i < 700 {
			a.Error = "refused"
		}
		o.add(a)
	}
	if got := o.Attempts[firstAttempts]; got.Error != "" || !got.Start.Equal(start.Add(700*time.Second)) {
		t.Errorf("after the first %d comes %+v", firstAttempts, got)
	}
	if got := o.Attempts[maxAttempts-1]; !got.Start.Equal(start.Add(2999 * time.Second)) {
		t.Errorf("the last is %+v", got)
	}
}

func TestOutcomeJSON(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	list := []Outcome{
		{Name: "web", Kind: "http", About: "GET / on port 80", Passed: true, PassedAt: at, Attempts: []Attempt{{Start: at, Seconds: 0.5, Error: "refused"}, {Start: at}}, Omitted: 3},
		newOutcome(planned(ICMP{})),
	}
	data, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, string(data), `[{"name":"web","kind":"http","about":"GET / on port 80","passed":true,"passed_at":"2026-11-21T12:00:00Z",`+
		`"attempts":[{"start":"2026-11-21T12:00:00Z","seconds":0.5,"error":"refused"},{"start":"2026-11-21T12:00:00Z","seconds":0}],"omitted":3},`+
		`{"name":"web","kind":"icmp","about":"ICMP echo","passed":false,"attempts":[]}]`)
}
