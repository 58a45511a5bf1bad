package instance

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Launch creates the temporary security group, unless the plan has groups, and
// launches an instance: of the first type, in the first zone, that EC2 doesn't
// refuse for a reason of that type or zone. It waits until the instance runs and
// its addresses are known. An instance that ends before it runs counts as
// refused. If all are refused, the error lists all refusals.
func Launch(ctx context.Context, s *cloud.Session, plan *Plan, ledger *cloud.Ledger) (*Instance, error) {
	in, err := launch(ctx, s, plan, ledger)
	if err != nil {
		return nil, fmt.Errorf("launch %s: %w", plan.ImageID, err)
	}
	return in, nil
}

func launch(ctx context.Context, s *cloud.Session, plan *Plan, ledger *cloud.Ledger) (*Instance, error) {
	// The budget is for the requests; the waits in between have their own.
	asking, cancel := context.WithTimeoutCause(ctx, s.Waits.Launch, fmt.Errorf("not done within %s", s.Waits.Launch))
	defer cancel()
	inTime := func(err error) error {
		if cause := context.Cause(asking); cause != nil {
			return fmt.Errorf("%w: %w", cause, err)
		}
		return err
	}
	groups, err := groupsFor(asking, s, plan, ledger)
	if err != nil {
		return nil, inTime(err)
	}
	var refused []error
	skip := "" // a type
	for _, place := range plan.places(groups) {
		if place.of == skip {
			continue
		}
		in, err := launchAt(asking, s, place, ledger)
		if err == nil {
			err = awaitLaunched(ctx, s, plan, in)
		}
		if err == nil {
			in.Refused = refused
			return in, nil
		}
		refused = append(refused, refusal{place.of, place.subnet.Zone, err})
		switch reachOf(err) {
		case everywhere:
			return nil, inTime(errors.Join(summary(refused[:len(refused)-1]), fmt.Errorf("%s in %s: %w", place.of, place.subnet.Zone, explained(err))))
		case thisType:
			skip = place.of
		case thisPlace:
		}
	}
	return nil, fmt.Errorf("EC2 has no capacity for it: add {InstanceTypes} or a subnet in another zone, or try again later:\n%w", summary(refused))
}

// awaitLaunched tells the caller about the instance, and waits until it runs.
func awaitLaunched(ctx context.Context, s *cloud.Session, plan *Plan, in *Instance) error {
	if plan.Launched != nil {
		plan.Launched(in)
	}
	return awaitRunning(ctx, s, in)
}

// launchAt requests the instance at one place. For a moment, RunInstances may
// not know what has just been created: the group, and perhaps the AMI.
func launchAt(ctx context.Context, s *cloud.Session, place place, ledger *cloud.Ledger) (in *Instance, err error) {
	err = s.Waits.Retry(ctx, func() (_ bool, err error) {
		in, err = runInstance(ctx, s, place, ledger)
		return cloud.HasCode(err, "InvalidGroup.NotFound", "InvalidAMIID.NotFound"), err
	})
	return in, err
}

// runInstance makes one request. Because of its client token, the SDK's retries
// create only one instance, which is found again if no answer arrives. After a
// refusal, the next request needs a new token, so the ledger has an entry for
// each.
func runInstance(ctx context.Context, s *cloud.Session, place place, ledger *cloud.Ledger) (*Instance, error) {
	token := rand.Text()
	in := &Instance{Type: place.of, Zone: place.subnet.Zone, wantsPublic: place.subnet.PublicIP}
	id, err := ledger.Create(ctx, resource{s, place.plan.RunID, token}, func(sent *cloud.Attempts) (string, error) {
		answer, err := s.EC2.RunInstances(ctx, place.input(token), sent.OnEC2)
		if err != nil {
			return "", err
		}
		if len(answer.Instances) == 0 {
			return "", errNoInstance
		}
		in.read(answer.Instances[0])
		return in.ID, nil
	})
	if err != nil {
		return nil, err
	}
	in.ID = id
	return in, nil
}

// A place is a type and a subnet to try.
type place struct {
	plan   *Plan
	of     string // type
	subnet Subnet
	groups []string
}

// places lists where to try, type by type.
func (p *Plan) places(groups []string) []place {
	var all []place
	for _, t := range p.Types {
		for _, subnet := range p.Subnets {
			if slices.Contains(t.Zones, subnet.Zone) {
				all = append(all, place{p, t.Name, subnet, groups})
			}
		}
	}
	return all
}

// input makes the request. It always describes the network interface, because a
// public address can be requested only there. Everything ends with the instance,
// and the instance ends when its guest shuts down.
func (p place) input(token string) *ec2.RunInstancesInput {
	plan := p.plan
	input := &ec2.RunInstancesInput{
		ClientToken:       aws.String(token),
		ImageId:           aws.String(plan.ImageID),
		InstanceType:      types.InstanceType(p.of),
		MinCount:          aws.Int32(1),
		MaxCount:          aws.Int32(1),
		TagSpecifications: plan.tagSpecifications(),
		MetadataOptions:   plan.Metadata.input(),
		Placement:         plan.Placement.input(),
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{{
			DeviceIndex:              aws.Int32(0),
			SubnetId:                 aws.String(p.subnet.ID),
			Groups:                   p.groups,
			AssociatePublicIpAddress: plan.AssociatePublicIP,
			DeleteOnTermination:      aws.Bool(true),
		}},
	}
	if plan.Image.RootDeviceType != "instance-store" { // those can only be terminated, and EC2 refuses the option
		input.InstanceInitiatedShutdownBehavior = types.ShutdownBehaviorTerminate
	}
	if plan.EBSOptimized {
		input.EbsOptimized = aws.Bool(true)
	}
	if plan.spot() {
		input.InstanceMarketOptions = plan.market()
	}
	if plan.PrivateIP != "" {
		input.NetworkInterfaces[0].PrivateIpAddress = aws.String(plan.PrivateIP)
	}
	if len(plan.UserData) > 0 {
		input.UserData = aws.String(base64.StdEncoding.EncodeToString(plan.UserData))
	}
	if plan.IAMInstanceProfile != "" {
		input.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: aws.String(plan.IAMInstanceProfile)}
	}
	for _, device := range plan.Image.keptDevices {
		input.BlockDeviceMappings = append(input.BlockDeviceMappings, types.BlockDeviceMapping{
			DeviceName: aws.String(device), Ebs: &types.EbsBlockDevice{DeleteOnTermination: aws.Bool(true)},
		})
	}
	return input
}

// tagSpecifications tag everything that a launch creates.
func (r *Request) tagSpecifications() []types.TagSpecification {
	var all []types.TagSpecification
	for _, resource := range []types.ResourceType{types.ResourceTypeInstance, types.ResourceTypeVolume, types.ResourceTypeNetworkInterface} {
		all = append(all, types.TagSpecification{ResourceType: resource, Tags: r.tags(cloud.RoleInstance, nil)})
	}
	if r.spot() {
		all = append(all, types.TagSpecification{ResourceType: types.ResourceTypeSpotInstancesRequest, Tags: r.tags(cloud.RoleInstance, r.SpotTags)})
	}
	return all
}

// market requests a spot instance, which is terminated when EC2 reclaims it.
// Without a maximum price, it costs at most the on-demand price.
func (r *Request) market() *types.InstanceMarketOptionsRequest {
	options := &types.SpotMarketOptions{
		SpotInstanceType:             types.SpotInstanceTypeOneTime,
		InstanceInterruptionBehavior: types.InstanceInterruptionBehaviorTerminate,
	}
	if r.SpotPrice != "auto" {
		options.MaxPrice = aws.String(r.SpotPrice)
	}
	return &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot, SpotOptions: options}
}

// tags joins the user's tags, and further ones, with this project's own.
func (r *Request) tags(role string, further map[string]string) []types.Tag {
	all := map[string]string{}
	if r.Name != "" {
		all["Name"] = r.Name
	}
	maps.Copy(all, r.Tags)
	maps.Copy(all, further)
	all[cloud.BuildTag], all[cloud.RoleTag] = r.RunID, role
	return cloud.SortedTags(all)
}
