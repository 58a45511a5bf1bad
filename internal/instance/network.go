package instance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// planNetwork finds the subnets in which the instance may be, and their VPC.
func planNetwork(ctx context.Context, s *cloud.Session, plan *Plan) error {
	input, where, err := subnetQuestion(ctx, s, plan)
	if err != nil {
		return err
	}
	found, err := describeSubnets(ctx, s, input)
	if cloud.HasCode(err, "InvalidSubnetID.NotFound", "InvalidSubnetId.Malformed", "InvalidSubnetID.Malformed") {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("look up %s: %w", where, err)
	}
	if len(found) == 0 {
		return fmt.Errorf("look up %s: %s has no such subnet: see what \"aws ec2 describe-subnets --region %s\" lists, and correct the options, or create one", where, s.Region, s.Region)
	}
	if err := plan.checkSubnet(found[0]); err != nil {
		return err
	}
	found, err = plan.holdingPrivateIP(found)
	if err != nil {
		return err
	}
	return plan.choose(found)
}

// subnetQuestion asks for the subnets that the request's options leave, and
// words where that is.
func subnetQuestion(ctx context.Context, s *cloud.Session, plan *Plan) (input *ec2.DescribeSubnetsInput, where string, err error) {
	if plan.SubnetID != "" {
		return &ec2.DescribeSubnetsInput{SubnetIds: []string{plan.SubnetID}}, "{SubnetID} " + plan.SubnetID, nil
	}
	filters := filtersOf(plan.SubnetFilter)
	vpc, isDefault, err := findVPC(ctx, s, plan)
	if err != nil {
		return nil, "", err
	}
	where = "a subnet"
	if len(plan.SubnetFilter) > 0 {
		where += " by {SubnetFilter} " + showFilter(plan.SubnetFilter)
	}
	if vpc != "" {
		filters = append(filters, cloud.Filter("vpc-id", vpc))
		where += " of " + vpc
	}
	if isDefault {
		filters = append(filters, cloud.Filter("default-for-az", "true"))
		where += ", the default VPC,"
	}
	if plan.AvailabilityZone != "" {
		filters = append(filters, cloud.Filter("availability-zone", plan.AvailabilityZone))
		where += " in {AvailabilityZone} " + plan.AvailabilityZone
	}
	return &ec2.DescribeSubnetsInput{Filters: filters}, where, nil
}

// findVPC returns the VPC that the request's options name, or the default one;
// "" where the subnet's options decide.
func findVPC(ctx context.Context, s *cloud.Session, plan *Plan) (id string, isDefault bool, err error) {
	question := filtersOf(plan.VPCFilter)
	switch {
	case plan.VPCID != "":
		return plan.VPCID, false, nil
	case len(plan.VPCFilter) > 0:
	case len(plan.SubnetFilter) > 0:
		return "", false, nil
	default:
		isDefault = true
		question = append(question, cloud.Filter("is-default", "true"))
	}
	vpcs, err := cloud.All(ctx, ec2.NewDescribeVpcsPaginator(s.EC2, &ec2.DescribeVpcsInput{Filters: question}),
		func(page *ec2.DescribeVpcsOutput) []types.Vpc { return page.Vpcs })
	if err != nil {
		return "", false, fmt.Errorf("look up vpc: %w", err)
	}
	var ids []string
	for _, vpc := range vpcs {
		ids = append(ids, aws.ToString(vpc.VpcId))
	}
	switch {
	case len(ids) == 1:
		return ids[0], isDefault, nil
	case isDefault:
		return "", false, fmt.Errorf("look up vpc: %s has no default VPC: name one by {VPCID} or {SubnetID}, or make it by \"aws ec2 create-default-vpc --region %s\"", s.Region, s.Region)
	case len(ids) == 0:
		return "", false, fmt.Errorf("look up vpc: {VPCFilter} %s fits none in %s: correct it, or give {VPCID}", showFilter(plan.VPCFilter), s.Region)
	}
	slices.Sort(ids)
	return "", false, fmt.Errorf("look up vpc: {VPCFilter} %s fits %s: narrow it to one, or give {VPCID}", showFilter(plan.VPCFilter), strings.Join(ids, ", "))
}

func describeSubnets(ctx context.Context, s *cloud.Session, input *ec2.DescribeSubnetsInput) ([]types.Subnet, error) {
	return cloud.All(ctx, ec2.NewDescribeSubnetsPaginator(s.EC2, input), func(page *ec2.DescribeSubnetsOutput) []types.Subnet { return page.Subnets })
}

// filtersOf makes filters of an option, in one order.
func filtersOf(option map[string]string) []types.Filter {
	var filters []types.Filter
	for _, name := range slices.Sorted(maps.Keys(option)) {
		filters = append(filters, cloud.Filter(name, option[name]))
	}
	return filters
}

func showFilter(option map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(option)) {
		words = append(words, name+"="+option[name])
	}
	return strings.Join(words, ", ")
}
