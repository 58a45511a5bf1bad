package ec2ami

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// An Instance is one that was launched. Its addresses are known for certain
// after [Session.AwaitRunning].
type Instance struct {
	ID, Type, Zone      string
	PublicIP, PublicDNS string // "" where it has none
	PrivateIP           string
	IPv6                string // "" where it has none
	Launched            time.Time
	Refused             []error // the types and zones that EC2 refused before this one

	wantsPublic bool // it gets a public address
	suspect     bool // its status was impaired at the last look
	impaired    bool // at two looks in a row, and the caller knows
}

// read takes what EC2 says of an instance.
func (in *Instance) read(i types.Instance) {
	in.ID = aws.ToString(i.InstanceId)
	in.Type = string(i.InstanceType)
	in.PublicIP, in.PublicDNS = aws.ToString(i.PublicIpAddress), aws.ToString(i.PublicDnsName)
	in.PrivateIP, in.IPv6 = aws.ToString(i.PrivateIpAddress), aws.ToString(i.Ipv6Address)
	in.Launched = aws.ToTime(i.LaunchTime)
	if i.Placement != nil {
		in.Zone = aws.ToString(i.Placement.AvailabilityZone)
	}
	for _, card := range i.NetworkInterfaces {
		if in.IPv6 == "" && len(card.Ipv6Addresses) > 0 {
			in.IPv6 = aws.ToString(card.Ipv6Addresses[0].Ipv6Address)
		}
	}
}

// AwaitRunning waits until an instance runs and its addresses are known. An
// instance that stops or is terminated instead is an error, with EC2's reason.
func (s *Session) AwaitRunning(ctx context.Context, in *Instance) error {
	// The time of the state is part of a test's result, and an instance takes
	// half a minute at most as a rule: no growing pauses.
	waits := s.Waits
	waits.MaxDelay = 2 * waits.Delay
	return waits.poll(ctx, in.ID, waits.Running, func(ctx context.Context) (string, bool, error) {
		found, err := s.describeInstance(ctx, in.ID)
		if isUnseen(err) {
			return "not visible yet", false, nil
		}
		if err != nil || found.State == nil {
			return "unknown", false, err
		}
		in.read(found)
		switch state := found.State.Name; {
		case state == types.InstanceStateNamePending:
			return string(state), false, nil
		case state != types.InstanceStateNameRunning:
			return string(state), false, endError(found)
		case in.wantsPublic && in.PublicIP == "":
			return "running, with no public address yet", false, nil
		default:
			return string(state), true, nil
		}
	})
}

var errNoInstance = errors.New("EC2 has answered with no instance")

func (s *Session) describeInstance(ctx context.Context, id string) (types.Instance, error) {
	answer, err := s.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return types.Instance{}, err
	}
	for _, reservation := range answer.Reservations {
		for _, found := range reservation.Instances {
			return found, nil
		}
	}
	return types.Instance{}, errNoInstance
}

// isUnseen tells whether EC2 doesn't know an instance, perhaps not yet.
func isUnseen(err error) bool {
	return errors.Is(err, errNoInstance) || hasCode(err, "InvalidInstanceID.NotFound")
}

// endStates are those of an instance that doesn't run any more.
var endStates = []types.InstanceStateName{
	types.InstanceStateNameStopping, types.InstanceStateNameStopped,
	types.InstanceStateNameShuttingDown, types.InstanceStateNameTerminated,
}

func hasEnded(i types.Instance) bool {
	return i.State != nil && slices.Contains(endStates, i.State.Name)
}

// endError says why an instance has ended.
func endError(i types.Instance) error {
	reason := aws.ToString(i.StateTransitionReason)
	if i.StateReason != nil && aws.ToString(i.StateReason.Message) != "" {
		reason = aws.ToString(i.StateReason.Message)
	}
	if reason == "" {
		reason = "EC2 gives no reason"
	}
	return fmt.Errorf("the instance is %s: %s", i.State.Name, reason)
}

// instance is the ledger's view of an instance, one request for it.
type instance struct {
	session *Session
	run     string
	token   string // of the client
}

func (r *instance) describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the instance with the tag %s=%s in %s, if there is one", BuildTag, r.run, r.session.Region)
	}
	return fmt.Sprintf("%s (aws ec2 terminate-instances --region %s --instance-ids %s)", id, r.session.Region, id)
}

func (r *instance) find(ctx context.Context) (string, error) {
	answer, err := r.session.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{
		Filters: []types.Filter{filter("client-token", r.token)},
	})
	if err != nil || len(answer.Reservations) == 0 || len(answer.Reservations[0].Instances) == 0 {
		return "", err
	}
	return aws.ToString(answer.Reservations[0].Instances[0].InstanceId), nil
}

func (r *instance) removal(waits Waits) time.Duration { return waits.Termination }

// remove waits until the instance has ended. TerminateInstances may be repeated,
// and answers with the state.
func (r *instance) remove(ctx context.Context, id string) error {
	waits := r.session.Waits
	return waits.poll(ctx, id, waits.Termination, func(ctx context.Context) (string, bool, error) {
		answer, err := r.session.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
		if hasCode(err, "InvalidInstanceID.NotFound") {
			return "", false, errGone
		}
		if err != nil || len(answer.TerminatingInstances) == 0 || answer.TerminatingInstances[0].CurrentState == nil {
			return "unknown", false, err
		}
		state := answer.TerminatingInstances[0].CurrentState.Name
		return string(state), state == types.InstanceStateNameTerminated, nil
	})
}
