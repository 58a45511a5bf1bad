package ec2ami

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// planNetwork finds the subnets in which the instance may be, and their VPC.
func (s *Session) planNetwork(ctx context.Context, plan *LaunchPlan) error {
	input, where, err := s.subnetQuestion(ctx, plan)
	if err != nil {
		return err
	}
	found, err := s.describeSubnets(ctx, input)
	if hasCode(err, "InvalidSubnetID.NotFound", "InvalidSubnetId.Malformed", "InvalidSubnetID.Malformed") {
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
func (s *Session) subnetQuestion(ctx context.Context, plan *LaunchPlan) (input *ec2.DescribeSubnetsInput, where string, err error) {
	if plan.SubnetID != "" {
		return &ec2.DescribeSubnetsInput{SubnetIds: []string{plan.SubnetID}}, "subnet_id " + plan.SubnetID, nil
	}
	filters := filtersOf(plan.SubnetFilter)
	vpc, isDefault, err := s.findVPC(ctx, plan)
	if err != nil {
		return nil, "", err
	}
	where = "a subnet"
	if len(plan.SubnetFilter) > 0 {
		where += " by subnet_filter " + showFilter(plan.SubnetFilter)
	}
	if vpc != "" {
		filters = append(filters, filter("vpc-id", vpc))
		where += " of " + vpc
	}
	if isDefault {
		filters = append(filters, filter("default-for-az", "true"))
		where += ", the default VPC,"
	}
	if plan.AvailabilityZone != "" {
		filters = append(filters, filter("availability-zone", plan.AvailabilityZone))
		where += " in availability_zone " + plan.AvailabilityZone
	}
	return &ec2.DescribeSubnetsInput{Filters: filters}, where, nil
}

// findVPC returns the VPC that the request's options name, or the default one;
// "" where the subnet's options decide.
func (s *Session) findVPC(ctx context.Context, plan *LaunchPlan) (id string, isDefault bool, err error) {
	question := filtersOf(plan.VPCFilter)
	switch {
	case plan.VPCID != "":
		return plan.VPCID, false, nil
	case len(plan.VPCFilter) > 0:
	case len(plan.SubnetFilter) > 0:
		return "", false, nil
	default:
		isDefault = true
		question = append(question, filter("is-default", "true"))
	}
	var ids []string
	pages := ec2.NewDescribeVpcsPaginator(s.ec2, &ec2.DescribeVpcsInput{Filters: question})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", false, fmt.Errorf("look up vpc: %w", err)
		}
		for _, vpc := range page.Vpcs {
			ids = append(ids, aws.ToString(vpc.VpcId))
		}
	}
	switch {
	case len(ids) == 1:
		return ids[0], isDefault, nil
	case isDefault:
		return "", false, fmt.Errorf("look up vpc: %s has no default VPC: name one by vpc_id or subnet_id, or make it by \"aws ec2 create-default-vpc --region %s\"", s.Region, s.Region)
	case len(ids) == 0:
		return "", false, fmt.Errorf("look up vpc: vpc_filter %s fits none in %s: correct it, or give vpc_id", showFilter(plan.VPCFilter), s.Region)
	}
	slices.Sort(ids)
	return "", false, fmt.Errorf("look up vpc: vpc_filter %s fits %s: narrow it to one, or give vpc_id", showFilter(plan.VPCFilter), strings.Join(ids, ", "))
}

func (s *Session) describeSubnets(ctx context.Context, input *ec2.DescribeSubnetsInput) ([]types.Subnet, error) {
	var subnets []types.Subnet
	pages := ec2.NewDescribeSubnetsPaginator(s.ec2, input)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		subnets = append(subnets, page.Subnets...)
	}
	return subnets, nil
}

// filtersOf makes filters of an option, in one order.
func filtersOf(option map[string]string) []types.Filter {
	var filters []types.Filter
	for _, name := range slices.Sorted(maps.Keys(option)) {
		filters = append(filters, filter(name, option[name]))
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
