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
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/instance"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/smoketest/report"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// readConsole stores the console of a guest that is still running.
func (t *trial) readConsole(ctx context.Context) {
	text, err := t.guest.console(ctx)
	t.result.Console = text
	if err != nil {
		t.result.ConsoleNote = err.Error()
	} else if text == "" {
		t.result.ConsoleNote = "the guest wrote nothing to the console, or EC2 has not published it yet"
	}
}

// explainFailure reads the console of a failed guest. EC2 publishes it after the
// instance has ended, unless that is kept. The console may contain what the test
// was waiting for, or the reason why it never came.
func (t *trial) explainFailure(ctx context.Context, failure error, kept bool) error {
	t.readConsole(ctx)
	sign, line := diagnose(t.result.Console)
	_, timeUp := errors.AsType[check.TimeUp](failure)
	switch {
	case sign == nil && !kept && (timeUp || finished(failure) && t.config.Hold == 0) && t.passedByConsole(ctx):
		return nil
	case sign != nil && !t.passed.Load() && !strings.Contains(failure.Error(), sign.what):
		return fmt.Errorf("%s: the console shows %q: %s\n%w", sign.what, line, sign.remedy, failure)
	case sign == nil && timeUp && !t.heard.Load():
		return fmt.Errorf("%w\nno response at all: the guest may have no network: %s", failure, t.guest.network())
	}
	return failure
}

// finished reports whether the test ended because the guest powered off by itself:
// its program may have done all that it had to.
func finished(failure error) bool {
	if exited, ok := errors.AsType[exitError](failure); ok {
		return exited.exit == hypervisor.Poweroff
	}
	ended, ok := errors.AsType[instance.EndedError](failure)
	return ok && ended.ByGuest()
}

// passedByConsole runs the open console checks on the final console, if all other
// checks have passed, and reports whether all checks have passed then.
func (t *trial) passedByConsole(ctx context.Context) bool {
	target := check.Target{Console: func(context.Context) (string, error) { return t.result.Console, nil }}
	evidence := make([]string, len(t.plans))
	for i, outcome := range t.result.Checks {
		if outcome.Passed {
			continue
		}
		if onNetwork(outcome.Kind) {
			return false
		}
		var err error
		if evidence[i], err = t.plans[i].Probe(ctx, target); err != nil {
			return false
		}
	}
	now := time.Now()
	for i := range t.result.Checks {
		if outcome := &t.result.Checks[i]; !outcome.Passed {
			outcome.Passed, outcome.PassedAt, outcome.Evidence = true, now, evidence[i]
			outcome.Attempts = append(outcome.Attempts, check.Attempt{Start: now})
		}
	}
	t.result.Events = slices.DeleteFunc(t.result.Events, func(e report.Event) bool { return e.Name == "failed" })
	t.event("passed", "by the console after the instance ended")
	return true
}

// lastLines are the console's lines for the log: enough to show the reason of a
// crash, without control characters.
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
