package instance

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// actionsOf returns the calls of a successful test and of its undoing.
func actionsOf(t *testing.T, server *localec2.Running, s *cloud.Session, r Request) []string {
	t.Helper()
	before := len(server.Calls())
	var ledger cloud.Ledger
	if err := smokeTest(t.Context(), s, r, &ledger); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, call := range server.Calls()[before:] {
		if !slices.Contains(actions, call.Action) {
			actions = append(actions, call.Action)
		}
	}
	return actions
}

// Whichever call fails in whichever way, Undo leaves nothing.
func TestUndoEndsInstancesWhateverWentWrong(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	actions := actionsOf(t, server, s, r)
	for _, want := range []string{"GetCallerIdentity", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "RunInstances", "DescribeInstances",
		"DescribeInstanceStatus", "GetConsoleOutput", "CreateTags", "TerminateInstances", "DeleteSecurityGroup"} {
		if !slices.Contains(actions, want) {
			t.Errorf("%s is not called", want)
		}
	}
	undoing := []string{"TerminateInstances", "DeleteSecurityGroup"}
	kinds := map[string][]string{
		"refused":                   {"=refuse"},
		"lost before its effect":    {"=cut,times=3"},
		"its answer is lost":        {"=cut-after,nth=1"},
		"its answers are all lost":  {"=cut-after,times=3"},
		"lost after its effect":     {"=cut-after,nth=1", "=cut,from=2,times=2"},
		"answered the second time":  {"=cut,nth=1"},
		"throttled":                 {"=throttle,times=3"},
		"failed by AWS three times": {"=fail,times=3"},
	}
	for _, action := range actions {
		for name, faults := range kinds {
			if name == "refused" && slices.Contains(undoing, action) {
				continue // nothing can be removed without permission; see TestUndoNamesTheInstanceThatIsLeft
			}
			t.Run(action+" "+name, func(t *testing.T) {
				for _, fault := range faults {
					cloudtest.Inject(t, server, action+fault)
				}
				defer server.ClearFaults()
				var ledger cloud.Ledger
				err := smokeTest(t.Context(), s, r, &ledger)
				if name == "refused" && err == nil || survives(action, name) && err != nil {
					t.Errorf("error %v", err)
				}
				if _, err := ledger.Undo(t.Context()); err != nil {
					t.Error(err)
				}
				noInstanceLeft(t, server)
			})
		}
	}
}

// survives reports whether a smoke test must pass in spite of a fault: if the
// SDK's retry is answered, if what was created is found, or if EC2 is asked until
// it answers.
func survives(action, fault string) bool {
	switch fault {
	case "refused":
		return false
	case "its answer is lost", "answered the second time":
		return true
	case "its answers are all lost", "lost after its effect":
		return slices.Contains([]string{"CreateSecurityGroup", "RunInstances", "DescribeInstances", "DescribeInstanceStatus", "CreateTags"}, action)
	}
	return slices.Contains([]string{"DescribeInstances", "DescribeInstanceStatus", "CreateTags"}, action)
}

// A meeting is how the end of a context meets a call.
type meeting func(cancel func(), request *http.Request, send cloudtest.Send) (*http.Response, error)

var meetings = map[string]meeting{
	"before its effect": func(cancel func(), request *http.Request, send cloudtest.Send) (*http.Response, error) {
		cancel()
		return send(request)
	},
	"before its answer": func(cancel func(), request *http.Request, send cloudtest.Send) (*http.Response, error) {
		response, err := send(request.WithContext(context.WithoutCancel(request.Context())))
		if err != nil {
			return nil, err
		}
		cancel()
		return nil, errors.Join(response.Body.Close(), request.Context().Err())
	},
	"after its answer": func(cancel func(), request *http.Request, send cloudtest.Send) (*http.Response, error) {
		response, err := send(request)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(response.Body)
		err = errors.Join(err, response.Body.Close())
		response.Body = io.NopCloser(bytes.NewReader(data))
		cancel()
		return response, err
	},
}

// cancelled runs the smoke test, cancels its context at a call, and undoes the
// test. It returns the call's action, or "" if there are fewer calls.
func cancelled(t *testing.T, s cloud.Session, r Request, at int, meet meeting) (action string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	cloudtest.HookCalls(&s, func(called string, request *http.Request, send cloudtest.Send) (*http.Response, error) {
		if calls++; calls != at || ctx.Err() != nil {
			return send(request)
		}
		action = called
		return meet(cancel, request, send)
	})
	var ledger cloud.Ledger
	err := smokeTest(ctx, &s, r, &ledger)
	if calls < at {
		calls = at // the calls of Undo are not cancelled
	}
	if action == "" && err != nil || action != "" && action != "CreateTags" && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := ledger.Undo(ctx); err != nil {
		t.Error(err)
	}
	return action
}

// Ctrl-C at any call leaves nothing.
func TestCancelledLaunchLeavesNothing(t *testing.T) {
	for name, options := range map[string]localec2.Options{
		"seen at once":        {},
		"not visible at once": {Invisible: 20 * time.Millisecond},
	} {
		server, s, r := startLaunch(t, options)
		for when, meet := range meetings {
			t.Run(name+", "+when, func(t *testing.T) {
				cases := 0
				for ; !t.Failed(); cases++ {
					action := cancelled(t, *s, r, cases+1, meet)
					noInstanceLeft(t, server)
					if t.Failed() {
						t.Errorf("cancelled at call %d, %s", cases+1, action)
					}
					if action == "" {
						break
					}
				}
				if cases < 13 {
					t.Errorf("cancelled at %d calls only", cases)
				}
				t.Logf("%d calls", cases)
			})
		}
	}
}
