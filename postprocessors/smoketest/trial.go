package smoketest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ec2ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/smoketest/report"
)

// guest is what is tested: an instance of an AMI, or a domain on this machine.
type guest interface {
	// launch brings it up and returns as soon as it can be asked. It calls
	// [trial.begin] before it creates anything.
	launch(context.Context, *trial) (check.Target, error)
	// watch returns an error as soon as the guest has ended or can't be
	// reached any more; nil when ctx is done. answered tells whether a check on
	// the network has passed so far.
	watch(ctx context.Context, answered func() bool) error
	// console returns what the guest has written; after end, its last words,
	// for which it may wait.
	console(context.Context) (string, error)
	// end removes the guest and all that was made for it. It doesn't end with
	// ctx, which may be done. With keep it leaves all as it is, and tells how to
	// remove it.
	end(ctx context.Context, t *trial, keep bool) error
	// judged tells the verdict to whom it concerns.
	judged(ctx context.Context, t *trial, passed bool) error
}

// trial is one test.
type trial struct {
	config *Config
	ui     packersdk.Ui
	guest  guest
	plans  []check.Plan
	ports  []ec2ami.Port // what the plans need open
	result report.Result

	launched bool        // there is, or may be, something to end
	answered atomic.Bool // a check on the network has passed, or there is none
}

func newTrial(config *Config, ui packersdk.Ui, g guest, plans []check.Plan, tool string) *trial {
	t := &trial{config: config, ui: ui, guest: g}
	for _, plan := range plans {
		if port, ok := portOf(plan.Check); ok && !slices.Contains(t.ports, port) {
			t.ports = append(t.ports, port)
		}
		plan.Check = noted{plan.Check, &t.answered}
		t.plans = append(t.plans, plan)
	}
	t.answered.Store(len(t.ports) == 0)
	t.result.Tool, t.result.Started = tool, time.Now()
	return t
}

// noted notes that the guest has answered.
type noted struct {
	check.Check
	answered *atomic.Bool
}

func (n noted) Probe(ctx context.Context, target check.Target) error {
	err := n.Check.Probe(ctx, target)
	if err == nil && onNetwork(n.Kind()) {
		n.answered.Store(true)
	}
	return err
}

func onNetwork(kind string) bool { return kind != "console" }

// begin sets the origin of all times: what is to be tested is asked for now.
func (t *trial) begin() {
	t.launched, t.result.Started = true, time.Now()
}

func (t *trial) event(name, format string, args ...any) {
	t.result.Events = append(t.result.Events, report.Event{Name: name, At: time.Now(), Text: fmt.Sprintf(format, args...)})
}

// run makes the test. Whatever happens, nothing is left of it but the reports,
// unless the user wants it kept.
func (t *trial) run(ctx context.Context) error {
	failure := t.test(ctx)
	cancelled := ctx.Err() != nil
	if failure == nil {
		t.readConsole(ctx)
	}
	keep := failure != nil && !cancelled && t.config.KeepOnFailure
	var left error
	if t.launched {
		left = t.guest.end(ctx, t, keep)
		t.event("ended", "")
	}
	if failure != nil && cancelled {
		failure = errors.New("the build was cancelled")
	} else if failure != nil && t.launched {
		failure = t.autopsy(ctx, failure)
	}
	t.conclude(failure)
	if !cancelled && (t.launched || failure == nil) {
		left = errors.Join(left, t.guest.judged(ctx, t, failure == nil))
	}
	left = errors.Join(left, t.write())
	t.tell()
	if failure != nil {
		failure = fmt.Errorf("smoke test of %s failed: %w", t.result.Subject.ID, failure)
	}
	return errors.Join(failure, left)
}

// test launches the guest and puts the checks to it.
func (t *trial) test(ctx context.Context) error {
	target, err := t.guest.launch(ctx, t)
	if err != nil {
		return err
	}
	t.event("running", "%s", t.result.Instance.Address)
	target.Console = t.guest.console
	run := check.Run{
		Plans: t.plans, Target: target, Timeout: t.config.Timeout, Hold: t.config.Hold,
		Watch:    func(ctx context.Context) error { return t.watch(ctx) },
		Progress: func(line string) { t.ui.Say(line) },
	}
	t.result.Checks, err = run.Do(ctx)
	if err != nil {
		t.event("failed", "")
		return err
	}
	t.result.Events = append(t.result.Events, report.Event{Name: "passed", At: t.allPassed()})
	if t.config.Hold > 0 {
		t.event("held", "for %s", t.config.Hold)
	}
	return nil
}

// consoleInterval is the pause between two looks at the console for a crash:
// EC2 renews it every minute or so, and answers many such calls.
const consoleInterval = 5 * time.Second

// watch ends the test early where the guest has ended, or its console shows
// that it never will answer.
func (t *trial) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var ending error
	ended := make(chan struct{})
	go func() {
		ending = t.guest.watch(ctx, t.answered.Load)
		close(ended)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	for {
		select {
		case <-ended:
			return ending
		case <-time.After(consoleInterval):
		}
		text, err := t.guest.console(ctx)
		if err != nil {
			continue // it may be there the next time
		}
		if sign, line := diagnose(text); sign != nil {
			return fmt.Errorf("%s: the console says %q: %s", sign.what, line, sign.remedy)
		}
	}
}

// write writes the reports that were asked for.
func (t *trial) write() error {
	var errs []error
	if t.config.Result != "" {
		errs = append(errs, writeFile(t.config.Result, func(f *os.File) error { return report.JSON(f, t.result) }))
	}
	if t.config.Report != "" {
		errs = append(errs, writeFile(t.config.Report, func(f *os.File) error { return report.HTML(f, t.result) }))
	}
	return errors.Join(errs...)
}

// tell shows the timeline, and where the reports are.
func (t *trial) tell() {
	var b strings.Builder
	if err := report.Text(&b, t.result); err == nil {
		t.ui.Say(strings.TrimRight(b.String(), "\n"))
	}
	if t.config.Result != "" {
		t.ui.Say("result: " + t.config.Result)
	}
	if t.config.Report != "" {
		t.ui.Say("report: " + t.config.Report)
	}
}
