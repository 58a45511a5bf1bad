package smoketest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/instance"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/smoketest/report"
)

// guest is the running subject: an instance of an AMI, or a domain on this machine.
type guest interface {
	// launch starts the guest and returns as soon as it can be checked. It calls
	// [trial.begin] before it creates anything.
	launch(context.Context, *trial) (check.Target, error)
	// watch returns an error as soon as the guest has ended or is out of reach, and
	// nil when ctx is done. heard reports whether its network has responded so far.
	watch(ctx context.Context, heard func() bool) error
	// refuses reports whether this machine refuses connections on the guest's
	// behalf while the guest isn't listening.
	refuses() bool
	// console returns what the guest has written so far. After end, it may wait for
	// the final console.
	console(context.Context) (string, error)
	// end removes the guest and everything created for it. It doesn't end with ctx,
	// which may be done. With keep, it leaves everything in place and shows how to
	// remove it.
	end(ctx context.Context, t *trial, keep bool) error
	// network describes what a guest without any response may be missing.
	network() string
	// tag records the result, passed or failed, on the subject.
	tag(ctx context.Context, result string) error
}

// trial is one test.
type trial struct {
	config *Config
	ui     packersdk.Ui
	*subject
	plans  []check.Plan
	ports  []instance.Port // must be open for the plans
	result report.Result

	launched bool // there may be something to clean up
	tested   bool // the checks ran, so the result is about the guest

	passed atomic.Bool // a check on the network has passed
	heard  atomic.Bool // the guest's network has responded in any way, or isn't checked
}

func newTrial(config *Config, ui packersdk.Ui, of *subject, plans []check.Plan, tool string) *trial {
	t := &trial{config: config, ui: ui, subject: of}
	for _, plan := range plans {
		if port, ok := portOf(plan.Check); ok && !slices.Contains(t.ports, port) {
			t.ports = append(t.ports, port)
		}
		plan.Check = noted{plan.Check, t}
		t.plans = append(t.plans, plan)
	}
	t.heard.Store(len(t.ports) == 0)
	t.result.Tool, t.result.Started = tool, time.Now()
	return t
}

// noted records responses of the guest's network.
type noted struct {
	check.Check
	trial *trial
}

func (n noted) Probe(ctx context.Context, target check.Target) (string, error) {
	evidence, err := n.Check.Probe(ctx, target)
	switch {
	case !onNetwork(n.Kind()):
	case err == nil:
		n.trial.passed.Store(true)
		n.trial.heard.Store(true)
	case n.Kind() == "icmp", ctx.Err() != nil: // silence
	case !errors.Is(err, syscall.ECONNREFUSED) || !n.trial.guest.refuses():
		n.trial.heard.Store(true)
	}
	return evidence, err
}

func onNetwork(kind string) bool { return kind != "console" }

// begin sets the origin of all times: the launch is requested now.
func (t *trial) begin() {
	t.launched, t.result.Started = true, time.Now()
}

func (t *trial) event(name, format string, args ...any) {
	t.result.Events = append(t.result.Events, report.Event{Name: name, At: time.Now(), Text: fmt.Sprintf(format, args...)})
}

// run runs the test. Whatever happens, it leaves nothing but the reports, unless
// the user wants the guest kept.
func (t *trial) run(ctx context.Context) error {
	failure := t.test(ctx)
	cancelled := ctx.Err() != nil
	if failure == nil {
		t.readConsole(ctx)
	}
	keep := failure != nil && !cancelled && t.config.KeepOnFailure
	left := t.end(ctx, keep)
	if failure != nil && cancelled {
		failure = errCancelled
	} else if failure != nil && t.launched {
		failure = t.explainFailure(ctx, failure, keep)
	}
	t.conclude(failure)
	left = errors.Join(left, t.settle(ctx))
	if _, removed := t.removal(); !removed && t.tested && !cancelled {
		if err := t.guest.tag(ctx, t.result.Verdict); err != nil {
			t.ui.Error(component.Explain(err).Error())
		}
	}
	return t.outcome(failure, errors.Join(left, t.write()))
}

var errCancelled = errors.New("the build was cancelled")

// end removes the guest, or keeps it.
func (t *trial) end(ctx context.Context, keep bool) error {
	if !t.launched {
		return nil
	}
	err := t.guest.end(ctx, t, keep)
	switch {
	case keep:
		t.event("kept", "")
	case err == nil:
		t.event("ended", "")
	}
	return err
}

// test launches the guest and runs the checks.
func (t *trial) test(ctx context.Context) error {
	target, err := t.guest.launch(ctx, t)
	if err != nil {
		return err
	}
	t.event("running", "%s", t.result.Instance.Address)
	target.Console = t.guest.console
	run := check.Run{
		Plans: t.plans, Target: target, Timeout: t.config.Timeout, Hold: t.config.Hold,
		Watch: t.watch, Progress: t.ui.Say,
	}
	t.result.Checks, err = run.Do(ctx)
	_, impossible := errors.AsType[check.Impossible](err)
	t.tested = !impossible && !errors.Is(err, instance.ErrMachine)
	if err != nil && ctx.Err() != nil {
		t.event("cancelled", "")
		return err
	} else if err != nil {
		t.event("failed", "")
		return err
	}
	t.result.Events = append(t.result.Events, report.Event{Name: "passed", At: t.allPassed()})
	if t.config.Hold > 0 {
		t.event("held", "for %s", t.config.Hold)
	}
	return nil
}

// consoleInterval is the pause between two reads of the console in search of a
// crash: EC2 updates it about once a minute, and allows many such calls.
const consoleInterval = 5 * time.Second

// watch ends the test early if the guest has ended, or if its console shows,
// twice in a row, that it will never respond. If a network check has passed, the
// console is ignored.
func (t *trial) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var ending error
	ended := make(chan struct{})
	go func() {
		ending = t.guest.watch(ctx, t.heard.Load)
		close(ended)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	for seen := ""; ; {
		select {
		case <-ended:
			return ending
		case <-time.After(consoleInterval):
		}
		text, err := t.guest.console(ctx)
		if err != nil || t.passed.Load() {
			continue
		}
		sign, line := diagnose(text)
		if sign != nil && seen == line {
			return fmt.Errorf("%s: the console shows %q: %s", sign.what, line, sign.remedy)
		}
		seen = line
	}
}

// write shows the timeline, writes the reports, and shows where they are.
func (t *trial) write() error {
	var lines strings.Builder
	err := report.Text(&lines, t.result)
	t.ui.Say(strings.TrimRight(lines.String(), "\n"))
	if t.result.Verdict == report.Failed && t.result.Console != "" {
		t.ui.Say("last lines of the console:\n" + lastLines(t.result.Console))
	}
	write := func(name, path string, as func(io.Writer, report.Result) error) {
		if path == "" {
			return
		}
		if failed := writeFile(path, func(f *os.File) error { return as(f, t.result) }); failed != nil {
			err = errors.Join(err, failed)
			return
		}
		t.ui.Say(name + ": " + path)
	}
	write("result", t.config.Result, report.JSON)
	write("report", t.config.Report, report.HTML)
	return err
}
