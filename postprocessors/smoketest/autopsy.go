package smoketest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/smoketest/report"
)

// readConsole keeps what the console of a guest that still runs says.
func (t *trial) readConsole(ctx context.Context) {
	text, err := t.guest.console(ctx)
	t.result.Console = text
	if err != nil {
		t.result.ConsoleNote = err.Error()
	} else if text == "" {
		t.result.ConsoleNote = "nothing was written to the console, or EC2 didn't show it yet"
	}
}

// autopsy reads the console of a guest that has failed, after its end, when EC2
// shows it, unless it is kept. It may show what the test waited for, or why it
// waited in vain.
func (t *trial) autopsy(ctx context.Context, failure error, kept bool) error {
	t.readConsole(ctx)
	sign, line := diagnose(t.result.Console)
	_, timeUp := errors.AsType[check.TimeUp](failure)
	switch {
	case timeUp && sign == nil && !kept && t.lastWords(ctx):
		return nil
	case sign != nil && !t.passed.Load() && !strings.Contains(failure.Error(), sign.what):
		return fmt.Errorf("%s: the console says %q: %s\n%w", sign.what, line, sign.remedy, failure)
	case sign == nil && timeUp && !t.heard.Load():
		return fmt.Errorf("%w\nnothing answered at all: the guest may have no network: %s", failure, t.guest.network())
	}
	return failure
}

// lastWords puts the open checks of the console to its final text, where all
// others have passed, and tells whether nothing is open then.
func (t *trial) lastWords(ctx context.Context) bool {
	target := check.Target{Console: func(context.Context) (string, error) { return t.result.Console, nil }}
	for i, outcome := range t.result.Checks {
		if !outcome.Passed && (onNetwork(outcome.Kind) || t.plans[i].Probe(ctx, target) != nil) {
			return false
		}
	}
	now := time.Now()
	for i := range t.result.Checks {
		if outcome := &t.result.Checks[i]; !outcome.Passed {
			outcome.Passed, outcome.PassedAt = true, now
			outcome.Attempts = append(outcome.Attempts, check.Attempt{Start: now})
		}
	}
	t.result.Events = slices.DeleteFunc(t.result.Events, func(e report.Event) bool { return e.Name == "failed" })
	t.event("passed", "by the console after the end")
	return true
}

// lastLines are what a log shows of a console: enough for a crash's first
// reason, with what a terminal would act on made harmless.
func lastLines(console string) string {
	const most = 15
	lines := strings.Split(strings.TrimSpace(escapes.ReplaceAllString(console, "")), "\n")
	for i, line := range lines {
		lines[i] = "  " + strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return -1
		}, line)
	}
	return strings.Join(lines[max(len(lines)-most, 0):], "\n")
}
