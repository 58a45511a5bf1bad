package localec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// endingLab is a lab whose first launch makes instances that end while they are
// pending for a minute.
func endingLab(t *testing.T) (*lab, *clock) {
	t.Helper()
	clk := newClock()
	l := start(t, Options{Now: clk.Now, NoInstances: true, InstancePending: time.Minute, InstanceEnding: time.Minute})
	l.Inject(must(ParseFault("RunInstances=end-pending,nth=1"))(t))
	return l, clk
}

// stateReason returns an instance's state reason as "code, message".
func stateReason(in types.Instance) string {
	if in.StateReason == nil {
		return "none"
	}
	return aws.ToString(in.StateReason.Code) + ", " + aws.ToString(in.StateReason.Message)
}

// TestEndPending checks that a launch succeeds, that all of its instances go
// from pending to terminated, and that the next launch works.
func TestEndPending(t *testing.T) {
	l, clk := endingLab(t)
	request := launching(l.register("hello", l.snapshot()))
	request.MinCount, request.MaxCount = aws.Int32(2), aws.Int32(2)
	request.ClientToken = aws.String("once")
	pair := must(l.ec2.RunInstances(l.ctx, request))(t).Instances
	if len(pair) != 2 {
		t.Fatalf("%d instances, want 2", len(pair))
	}
	clk.turn(59 * time.Second)
	for _, in := range pair {
		now := l.instance(in.InstanceId)
		if in.State.Name != "pending" || now.State.Name != "pending" || stateReason(now) != "pending, pending" || now.PublicIpAddress != nil {
			t.Errorf("launched as %s, then %s (%s) at %s", in.State.Name, now.State.Name, stateReason(now), aws.ToString(now.PublicIpAddress))
		}
	}
	clk.turn(time.Second)
	for _, in := range pair {
		ended := l.instance(in.InstanceId)
		if ended.State.Name != "terminated" || *ended.State.Code != 48 {
			t.Errorf("it is %s (%d), want terminated", ended.State.Name, *ended.State.Code)
		}
		if got := stateReason(ended); got != "Server.InternalError, Server.InternalError: Internal error on launch" {
			t.Errorf("state reason %s", got)
		}
	}
	if got := l.Resources()["us-east-1"].Instances; len(got) != 0 {
		t.Errorf("%+v exist", got)
	}
	if again := l.launch(request); *again.InstanceId != *pair[0].InstanceId {
		t.Errorf("the same client token made %s", *again.InstanceId)
	}
	request.ClientToken = nil
	id := l.launch(request).InstanceId
	clk.turn(time.Minute)
	l.settle(id, "running")
}

// TestEndPendingAtOnce checks that a launch answers "pending" even on a server
// whose states change at once.
func TestEndPendingAtOnce(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	l.Inject(Fault{Kind: EndPending})
	if err := l.describe(l.register("hello", l.snapshot())); err != nil {
		t.Errorf("the fault affects other actions: %v", err)
	}
	in := l.launch(launching(l.register("second", l.snapshot())))
	if in.State.Name != "pending" || stateReason(in) != "pending, pending" {
		t.Errorf("launched as %s (%s)", in.State.Name, stateReason(in))
	}
	l.settle(in.InstanceId, "terminated")
}

// TestChangeEndPending stops and terminates instances that are about to end.
func TestChangeEndPending(t *testing.T) {
	l, clk := endingLab(t)
	id := l.launch(launching(l.register("hello", l.snapshot()))).InstanceId
	_, err := l.ec2.StopInstances(l.ctx, &ec2.StopInstancesInput{InstanceIds: []string{*id}})
	wantRefusal(t, err, "IncorrectInstanceState 400")
	l.terminate(id)
	for _, want := range []types.InstanceStateName{"shutting-down", "terminated"} {
		in := l.instance(id)
		if in.State.Name != want || stateReason(in) != "Client.UserInitiatedShutdown, Client.UserInitiatedShutdown: User initiated shutdown" {
			t.Errorf("terminated by its user, it is %s (%s), want %s", in.State.Name, stateReason(in), want)
		}
		clk.turn(time.Minute)
	}
}
