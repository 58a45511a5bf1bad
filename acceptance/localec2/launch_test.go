package localec2

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// launching is a request that succeeds in us-east-1.
func launching(ami *string) *ec2.RunInstancesInput {
	return &ec2.RunInstancesInput{ImageId: ami, InstanceType: types.InstanceTypeM1Small, MinCount: aws.Int32(1), MaxCount: aws.Int32(1)}
}

// launch launches one instance.
func (l *lab) launch(in *ec2.RunInstancesInput) types.Instance {
	l.t.Helper()
	return must(l.ec2.RunInstances(l.ctx, in))(l.t).Instances[0]
}

func (l *lab) terminate(id *string) {
	l.t.Helper()
	must(l.ec2.TerminateInstances(l.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{*id}}))(l.t)
}

// instance asks for one instance.
func (l *lab) instance(id *string) types.Instance {
	l.t.Helper()
	out := must(l.ec2.DescribeInstances(l.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{*id}}))(l.t)
	return out.Reservations[0].Instances[0]
}

// settle waits until an instance is in a state: its goroutine runs on its own,
// whatever clock the server has.
func (l *lab) settle(id *string, state types.InstanceStateName) types.Instance {
	l.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		in := l.instance(id)
		if in.State.Name == state {
			return in
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s is %s, not %s; its console:\n%s", *id, in.State.Name, state, l.console(id))
		}
	}
}

func (l *lab) console(id *string) string {
	l.t.Helper()
	out := must(l.ec2.GetConsoleOutput(l.ctx, &ec2.GetConsoleOutputInput{InstanceId: id}))(l.t)
	return string(must(base64.StdEncoding.DecodeString(aws.ToString(out.Output)))(l.t))
}

func TestInstanceStates(t *testing.T) {
	clk := newClock()
	l := start(t, Options{Now: clk.Now, NoInstances: true, InstancePending: time.Minute, InstanceEnding: time.Minute})
	id := l.launch(launching(l.register("hello", l.snapshot()))).InstanceId
	stay := func(state types.InstanceStateName) {
		t.Helper()
		clk.turn(59 * time.Second)
		if got := l.instance(id).State.Name; got != state {
			t.Errorf("%s a second before its time is over, want %s", got, state)
		}
		clk.turn(time.Second)
	}
	change := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	stay("pending")
	first := l.settle(id, "running")
	if !strings.HasPrefix(*first.PublicIpAddress, "127.0.0.") || *first.PrivateIpAddress != "172.31.0.4" || first.StateReason != nil {
		t.Errorf("it runs at %s, %s, reason %v", *first.PublicIpAddress, *first.PrivateIpAddress, first.StateReason)
	}
	if c := l.console(id); c != "localec2: this server starts no guests (-no-instances)\r\n" {
		t.Errorf("its console shows %q", c)
	}

	_, err := l.ec2.StopInstances(l.ctx, &ec2.StopInstancesInput{InstanceIds: []string{*id}})
	change(err)
	stay("stopping")
	idle := l.settle(id, "stopped")
	if idle.PublicIpAddress != nil || *idle.StateReason.Code != "Client.UserInitiatedShutdown" || !strings.HasPrefix(*idle.StateTransitionReason, "User initiated (2026-03-04 05:0") {
		t.Errorf("stopped with %v, %s, %s", idle.PublicIpAddress, *idle.StateReason.Code, *idle.StateTransitionReason)
	}
	_, err = l.ec2.StartInstances(l.ctx, &ec2.StartInstancesInput{InstanceIds: []string{*id}})
	change(err)
	stay("pending")
	if again := l.settle(id, "running"); *again.PrivateIpAddress != *first.PrivateIpAddress || again.PublicIpAddress == nil {
		t.Errorf("it runs again at %s", *again.PrivateIpAddress)
	}
	l.terminate(id)
	stay("shutting-down")
	if gone := l.settle(id, "terminated"); gone.SubnetId != nil || len(gone.SecurityGroups) != 0 {
		t.Error("a terminated instance still has a network")
	}
	_, err = l.ec2.StartInstances(l.ctx, &ec2.StartInstancesInput{InstanceIds: []string{*id}})
	wantRefusal(t, err, "IncorrectInstanceState 400")
	clk.turn(time.Hour + time.Second)
	_, err = l.ec2.DescribeInstances(l.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{*id}})
	wantRefusal(t, err, "InvalidInstanceID.NotFound 400")
}

func TestInstanceStatus(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	id := l.launch(launching(l.register("hello", l.snapshot()))).InstanceId
	l.settle(id, "running")
	out := must(l.ec2.DescribeInstanceStatus(l.ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{*id}}))(t)
	if s := out.InstanceStatuses[0]; s.InstanceStatus.Status != "impaired" || s.InstanceStatus.Details[0].Status != "failed" || s.SystemStatus.Status != "ok" {
		t.Errorf("the status of an instance without a guest is %s, its system's %s", s.InstanceStatus.Status, s.SystemStatus.Status)
	}
	l.terminate(id)
	l.settle(id, "terminated")
	if out = must(l.ec2.DescribeInstanceStatus(l.ctx, &ec2.DescribeInstanceStatusInput{}))(t); len(out.InstanceStatuses) != 0 {
		t.Error("a terminated instance is shown")
	}
	all := &ec2.DescribeInstanceStatusInput{IncludeAllInstances: aws.Bool(true)}
	if out = must(l.ec2.DescribeInstanceStatus(l.ctx, all))(t); len(out.InstanceStatuses) != 1 || out.InstanceStatuses[0].InstanceStatus.Status != "not-applicable" {
		t.Errorf("all instances are %+v", out.InstanceStatuses)
	}
}

func TestClientToken(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	ami := l.register("hello", l.snapshot())
	in := launching(ami)
	in.ClientToken = aws.String("once")
	first := l.launch(in).InstanceId
	if again := l.launch(in).InstanceId; *again != *first {
		t.Errorf("the same request made %s and %s", *first, *again)
	}
	in.InstanceType = types.InstanceTypeM1Medium
	_, err := l.ec2.RunInstances(l.ctx, in)
	wantRefusal(t, err, "IdempotentParameterMismatch 400")
	if got := len(l.Resources()["us-east-1"].Instances); got != 1 {
		t.Errorf("there are %d instances", got)
	}
}

func TestLaunchTags(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	in := launching(l.register("hello", l.snapshot()))
	name := []types.Tag{{Key: aws.String("Name"), Value: aws.String("x")}}
	in.TagSpecifications = []types.TagSpecification{{ResourceType: "instance", Tags: name}, {ResourceType: "volume", Tags: name}}
	in.MinCount, in.MaxCount = aws.Int32(2), aws.Int32(2)
	pair := must(l.ec2.RunInstances(l.ctx, in))(t).Instances
	if pair[0].Tags[0].Key == nil || *pair[0].PrivateIpAddress == *pair[1].PrivateIpAddress || *pair[0].PublicIpAddress == *pair[1].PublicIpAddress {
		t.Errorf("two instances: %+v", pair)
	}
	_, err := l.ec2.CreateTags(l.ctx, &ec2.CreateTagsInput{Resources: []string{*pair[0].InstanceId}, Tags: []types.Tag{{Key: aws.String("Extra"), Value: aws.String("y")}}})
	if err != nil {
		t.Fatal(err)
	}
	out := must(l.ec2.DescribeInstances(l.ctx, &ec2.DescribeInstancesInput{Filters: []types.Filter{filterBy("tag:Name", "x"), filterBy("tag-key", "Extra")}}))(t)
	if len(out.Reservations) != 1 || len(out.Reservations[0].Instances) != 1 || *out.Reservations[0].Instances[0].InstanceId != *pair[0].InstanceId {
		t.Errorf("a filter by tags finds %+v", out.Reservations)
	}
	in.ClientToken, in.TagSpecifications[0].ResourceType = nil, "image"
	_, err = l.ec2.RunInstances(l.ctx, in)
	wantRefusal(t, err, "InvalidParameterValue 400")
}

func TestCapacity(t *testing.T) {
	// Room for one m1.small with its overhead, and not for two.
	l := start(t, Options{MemoryMiB: 2400})
	ami := l.register("hello", l.emptyDisk())
	in := launching(ami)
	in.MinCount, in.MaxCount = aws.Int32(2), aws.Int32(2)
	_, err := l.ec2.RunInstances(l.ctx, in)
	wantRefusal(t, err, "InsufficientInstanceCapacity 500")
	in.MinCount = aws.Int32(1)
	in.ClientToken = nil // the SDK has filled it in
	fits := must(l.ec2.RunInstances(l.ctx, in))(t).Instances
	if len(fits) != 1 {
		t.Fatalf("%d instances, want the one that fits", len(fits))
	}
	_, err = l.ec2.RunInstances(l.ctx, launching(ami))
	wantRefusal(t, err, "InsufficientInstanceCapacity 500")
	l.terminate(fits[0].InstanceId)
	l.settle(fits[0].InstanceId, "terminated")
	l.launch(launching(ami))
}

// emptyDisk makes a snapshot of a disk with a partition table, and nothing in
// it: PV-GRUB has nothing to start, and waits.
func (l *lab) emptyDisk() *string {
	l.t.Helper()
	data := make([]byte, blockSize)
	data[510], data[511] = 0x55, 0xaa
	id := l.begin()
	if err := errors.Join(l.put(id, 0, data), l.complete(id, 1)); err != nil {
		l.t.Fatal(err)
	}
	return id
}

func TestNoMenu(t *testing.T) {
	l := start(t, Options{})
	id := l.launch(launching(l.register("empty", l.emptyDisk()))).InstanceId
	l.settle(id, "running")
	if c := l.console(id); !strings.HasSuffix(c, "\r\ngrubdom> \r\n") {
		t.Errorf("its console shows %q", c)
	}
}
