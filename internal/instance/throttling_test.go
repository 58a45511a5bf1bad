package instance

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// A request that was throttled, and then refused, created nothing: there is
// nothing to look for, at any of the places.
func TestThrottledLaunchLeavesNoGhost(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	plan := planned(t, s, r)
	s.Waits.Settle = 5 * time.Second // what looking for a ghost would take, at each place
	for place := range len(plan.Types) * len(plan.Subnets) {
		cloudtest.Inject(t, server, "RunInstances=throttle,nth="+strconv.Itoa(2*place+1))
	}
	cloudtest.Inject(t, server, "RunInstances=fail,code=InsufficientInstanceCapacity,status=500")
	var ledger cloud.Ledger
	before := time.Now()
	_, err := Launch(t.Context(), s, plan, &ledger)
	cloudtest.WantError(t, err, "InsufficientInstanceCapacity", "t1.micro in us-east-1a")
	if left := ledger.Left(); len(left) != 1 {
		t.Errorf("the ledger has %q; want the group alone", left)
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(before); took > s.Waits.Settle {
		t.Errorf("took %s", took)
	}
	for _, call := range server.Calls() {
		if call.Action == "DescribeInstances" {
			t.Error("an instance was looked for")
			break
		}
	}
	noInstanceLeft(t, server)
}

// Throttling ends neither a launch nor its undoing before their budgets.
func TestLaunchOutlastsThrottling(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	s.Waits.Settle = 20 * time.Millisecond
	for _, action := range []string{"CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "RunInstances", "DescribeInstances", "TerminateInstances", "DeleteSecurityGroup"} {
		for _, fault := range []string{"=throttle,times=30", "=fail,code=TooManyRequests,status=429,times=10"} {
			t.Run(action+fault, func(t *testing.T) {
				plan := planned(t, s, r)
				cloudtest.Inject(t, server, action+fault)
				defer server.ClearFaults()
				var ledger cloud.Ledger
				in, err := Launch(t.Context(), s, plan, &ledger)
				if err != nil {
					t.Fatal(err)
				}
				removed, err := ledger.Undo(t.Context())
				if err != nil || !slices.Contains(removed, in.ID) {
					t.Errorf("removed %v, error %v", removed, err)
				}
				noInstanceLeft(t, server)
			})
		}
	}
}

// A launch that can't end stops with its budget, and so does its undoing.
func TestThrottledLaunchEndsWithItsBudget(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	plan := planned(t, s, r)
	s.Waits.Launch, s.Waits.Undo, s.Waits.Release = time.Second, time.Second, time.Second
	cloudtest.Inject(t, server, "RunInstances=throttle", "DeleteSecurityGroup=throttle")
	var ledger cloud.Ledger
	before := time.Now()
	_, err := Launch(t.Context(), s, plan, &ledger)
	cloudtest.WantError(t, err, "not done within 1s", "RequestLimitExceeded")
	if took := time.Since(before); took > 2*time.Second {
		t.Errorf("the launch took %s", took)
	}
	before = time.Now()
	_, err = ledger.Undo(t.Context())
	cloudtest.WantError(t, err, "remove sg-", "aws ec2 delete-security-group", "RequestLimitExceeded")
	if took := time.Since(before); took > 3*time.Second {
		t.Errorf("the undoing took %s", took)
	}
}
