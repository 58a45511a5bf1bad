package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// An Instance is one that was launched. Its addresses are final once [Launch]
// has returned it.
type Instance struct {
	ID, Type, Zone      string
	PublicIP, PublicDNS string // "" if it has none
	PrivateIP           string
	PrivateDNS          string // resolved within its VPC only
	IPv6                string // "" if it has none
	Launched            time.Time
	Refused             []error // the types and zones that EC2 refused before this one

	wantsPublic bool // it gets a public address
	suspect     bool // its status was impaired at the last check
	impaired    bool // at two checks in a row, and the caller knows
}

// read copies what EC2 knows of an instance.
func (in *Instance) read(i types.Instance) {
	in.ID = aws.ToString(i.InstanceId)
	in.Type = string(i.InstanceType)
	in.PublicIP, in.PublicDNS = aws.ToString(i.PublicIpAddress), aws.ToString(i.PublicDnsName)
	in.PrivateDNS = aws.ToString(i.PrivateDnsName)
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

// awaitRunning waits until an instance runs and its addresses are known. An
// instance that is stopped or terminated instead is an error, with EC2's reason.
func awaitRunning(ctx context.Context, s *cloud.Session, in *Instance) error {
	// The time of the state is part of a test's result, and an instance rarely
	// takes more than half a minute, so the pauses don't grow.
	waits := s.Waits
	waits.MaxDelay = 2 * waits.Delay
	return waits.Await(ctx, in.ID, waits.Running, func(ctx context.Context) (string, bool, error) {
		found, err := describeInstance(ctx, s, in.ID)
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
			err := endError(found)
			if err.ByGuest() {
				return string(state), true, nil // it was running between two polls
			}
			return string(state), false, err
		case in.wantsPublic && in.PublicIP == "":
			return "running, with no public address yet", false, nil
		default:
			return string(state), true, nil
		}
	})
}

var errNoInstance = errors.New("EC2 returned no instance")

func describeInstance(ctx context.Context, s *cloud.Session, id string) (types.Instance, error) {
	found, err := describe(ctx, s, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return types.Instance{}, err
	}
	if len(found) == 0 {
		return types.Instance{}, errNoInstance
	}
	return found[0], nil
}

// describe returns all instances that input asks for.
func describe(ctx context.Context, s *cloud.Session, input *ec2.DescribeInstancesInput) ([]types.Instance, error) {
	return cloud.All(ctx, ec2.NewDescribeInstancesPaginator(s.EC2, input), func(page *ec2.DescribeInstancesOutput) []types.Instance {
		var all []types.Instance
		for _, reservation := range page.Reservations {
			all = append(all, reservation.Instances...)
		}
		return all
	})
}

// isUnseen reports whether EC2 doesn't know an instance, perhaps not yet.
func isUnseen(err error) bool {
	return errors.Is(err, errNoInstance) || cloud.HasCode(err, "InvalidInstanceID.NotFound")
}

// endStates are the states of an instance that no longer runs.
var endStates = []types.InstanceStateName{
	types.InstanceStateNameStopping, types.InstanceStateNameStopped,
	types.InstanceStateNameShuttingDown, types.InstanceStateNameTerminated,
}

func hasEnded(i types.Instance) bool {
	return i.State != nil && slices.Contains(endStates, i.State.Name)
}

// An EndedError is returned for an instance that has stopped or was terminated.
type EndedError struct {
	State  string // for example "terminated"
	Code   string // for example "Server.InsufficientInstanceCapacity"; "" if EC2 gives none
	Reason string // in the words of EC2
}

func (e EndedError) Error() string { return fmt.Sprintf("the instance is %s: %s", e.State, e.Reason) }

// ByGuest reports whether the guest powered off by itself, as a program does that
// has finished.
func (e EndedError) ByGuest() bool { return e.Code == "Client.InstanceInitiatedShutdown" }

// endError describes why an instance has ended.
func endError(i types.Instance) EndedError {
	reason := aws.ToString(i.StateTransitionReason)
	if i.StateReason != nil && aws.ToString(i.StateReason.Message) != "" {
		reason = aws.ToString(i.StateReason.Message)
	}
	if reason == "" {
		reason = "EC2 returned no reason"
	}
	code := ""
	if i.StateReason != nil {
		code = aws.ToString(i.StateReason.Code)
	}
	return EndedError{State: string(i.State.Name), Code: code, Reason: reason}
}

// resource is the ledger's view of an instance: of one request for it.
type resource struct {
	session *cloud.Session
	run     string
	token   string // of the client
}

func (r resource) Session() *cloud.Session { return r.session }

func (r resource) Describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the instance with the tag %s=%s in %s, if there is one", cloud.BuildTag, r.run, r.session.Region)
	}
	return fmt.Sprintf("%s (aws ec2 terminate-instances --region %s --instance-ids %s)", id, r.session.Region, id)
}

func (r resource) Find(ctx context.Context) (string, error) {
	found, err := describe(ctx, r.session, &ec2.DescribeInstancesInput{
		Filters: []types.Filter{cloud.Filter("client-token", r.token)},
	})
	if err != nil || len(found) == 0 {
		return "", err
	}
	return aws.ToString(found[0].InstanceId), nil
}

func (r resource) RemovalTime() time.Duration { return r.session.Waits.Termination }

// Remove waits until the instance has ended. TerminateInstances may be repeated,
// and answers with the state.
func (r resource) Remove(ctx context.Context, id string) error {
	waits := r.session.Waits
	return waits.Await(ctx, id, waits.Termination, func(ctx context.Context) (string, bool, error) {
		answer, err := r.session.EC2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
		if cloud.HasCode(err, "InvalidInstanceID.NotFound") {
			return "", false, cloud.ErrGone
		}
		if err != nil || len(answer.TerminatingInstances) == 0 || answer.TerminatingInstances[0].CurrentState == nil {
			return "unknown", false, err
		}
		state := answer.TerminatingInstances[0].CurrentState.Name
		return string(state), state == types.InstanceStateNameTerminated, nil
	})
}
