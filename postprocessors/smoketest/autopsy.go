package smoketest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
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
// shows it. It may show what the test waited for, or why it waited in vain.
func (t *trial) autopsy(ctx context.Context, failure error) error {
	t.readConsole(ctx)
	if t.lastWords(ctx) {
		return nil
	}
	sign, line := diagnose(t.result.Console)
	switch {
	case sign != nil && !strings.Contains(failure.Error(), sign.what):
		return fmt.Errorf("%s: the console says %q: %s\n%w", sign.what, line, sign.remedy, failure)
	case sign == nil && !t.answered.Load() && len(t.result.Checks) > 0:
		return fmt.Errorf("%w\n%s", failure, silent)
	}
	return failure
}

// lastWords puts the open checks of the console to its final text, where all
// others have passed, and tells whether nothing is open then.
func (t *trial) lastWords(ctx context.Context) bool {
	if len(t.result.Checks) == 0 || t.config.Hold > 0 {
		return false
	}
	target := check.Target{Console: func(context.Context) (string, error) { return t.result.Console, nil }}
	for i := range t.result.Checks {
		outcome := &t.result.Checks[i]
		if outcome.Passed {
			continue
		}
		if onNetwork(outcome.Kind) || t.plans[i].Probe(ctx, target) != nil {
			return false
		}
		outcome.Passed, outcome.PassedAt = true, time.Now()
		outcome.Attempts = append(outcome.Attempts, check.Attempt{Start: outcome.PassedAt})
	}
	return true
}
