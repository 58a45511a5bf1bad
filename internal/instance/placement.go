package instance

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// planNetwork finds the subnets in which the instance may be, and their VPC.
func planNetwork(ctx context.Context, s *cloud.Session, plan *Plan) error {
	input, what, err := subnetInput(ctx, s, plan)
	if err != nil {
		return err
	}
	found, err := describeSubnets(ctx, s, input)
	if cloud.HasCode(err, "InvalidSubnetID.NotFound", "InvalidSubnetId.Malformed", "InvalidSubnetID.Malformed") {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("look up %s: %w", what, err)
	}
	if len(found) == 0 {
		return fmt.Errorf("look up %s: %s has no such subnet: see what \"aws ec2 describe-subnets --region %s\" lists, and correct the options, or create one", what, s.Region, s.Region)
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

// subnetInput asks for the subnets that the request allows, and describes
// them for errors.
func subnetInput(ctx context.Context, s *cloud.Session, plan *Plan) (input *ec2.DescribeSubnetsInput, what string, err error) {
	if plan.SubnetID != "" {
		return &ec2.DescribeSubnetsInput{SubnetIds: []string{plan.SubnetID}}, "{SubnetID} " + plan.SubnetID, nil
	}
	filters := filtersOf(plan.SubnetFilter)
	vpc, isDefault, err := findVPC(ctx, s, plan)
	if err != nil {
		return nil, "", err
	}
	what = "a subnet"
	if len(plan.SubnetFilter) > 0 {
		what += " by {SubnetFilter} " + showFilter(plan.SubnetFilter)
	}
	if vpc != "" {
		filters = append(filters, cloud.Filter("vpc-id", vpc))
		what += " of " + vpc
	}
	if isDefault {
		filters = append(filters, cloud.Filter("default-for-az", "true"))
		what += ", the default VPC,"
	}
	if plan.AvailabilityZone != "" {
		filters = append(filters, cloud.Filter("availability-zone", plan.AvailabilityZone))
		what += " in {AvailabilityZone} " + plan.AvailabilityZone
	}
	return &ec2.DescribeSubnetsInput{Filters: filters}, what, nil
}

// findVPC returns the VPC that the request selects, or the default one; "" if
// the request selects a subnet instead.
func findVPC(ctx context.Context, s *cloud.Session, plan *Plan) (id string, isDefault bool, err error) {
	filters := filtersOf(plan.VPCFilter)
	switch {
	case plan.VPCID != "":
		return plan.VPCID, false, nil
	case len(plan.VPCFilter) > 0:
	case len(plan.SubnetFilter) > 0:
		return "", false, nil
	default:
		isDefault = true
		filters = append(filters, cloud.Filter("is-default", "true"))
	}
	vpcs, err := cloud.All(ctx, ec2.NewDescribeVpcsPaginator(s.EC2, &ec2.DescribeVpcsInput{Filters: filters}),
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
		return "", false, fmt.Errorf("look up vpc: %s has no default VPC: specify {VPCID} or {SubnetID}, or create one with \"aws ec2 create-default-vpc --region %s\"", s.Region, s.Region)
	case len(ids) == 0:
		return "", false, fmt.Errorf("look up vpc: {VPCFilter} %s matches no VPC in %s: correct it, or specify {VPCID}", showFilter(plan.VPCFilter), s.Region)
	}
	slices.Sort(ids)
	return "", false, fmt.Errorf("look up vpc: {VPCFilter} %s matches %s: narrow it to one, or specify {VPCID}", showFilter(plan.VPCFilter), strings.Join(ids, ", "))
}

func describeSubnets(ctx context.Context, s *cloud.Session, input *ec2.DescribeSubnetsInput) ([]types.Subnet, error) {
	return cloud.All(ctx, ec2.NewDescribeSubnetsPaginator(s.EC2, input), func(page *ec2.DescribeSubnetsOutput) []types.Subnet { return page.Subnets })
}

// filtersOf makes filters in a fixed order.
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

// checkSubnet compares a subnet that was selected by id with the rest of the
// request.
func (p *Plan) checkSubnet(subnet types.Subnet) error {
	if p.SubnetID == "" {
		return nil
	}
	var errs []error
	if vpc := aws.ToString(subnet.VpcId); p.VPCID != "" && vpc != p.VPCID {
		errs = append(errs, fmt.Errorf("{SubnetID} %s is in %s, not in {VPCID} %s: omit {VPCID}", p.SubnetID, vpc, p.VPCID))
	}
	if zone := aws.ToString(subnet.AvailabilityZone); p.AvailabilityZone != "" && zone != p.AvailabilityZone {
		errs = append(errs, fmt.Errorf("{SubnetID} %s is in %s, not in {AvailabilityZone} %s: omit {AvailabilityZone}", p.SubnetID, zone, p.AvailabilityZone))
	}
	return errors.Join(errs...)
}

// holdingPrivateIP keeps the subnet that contains the private address, if one is
// requested.
func (p *Plan) holdingPrivateIP(subnets []types.Subnet) ([]types.Subnet, error) {
	if p.PrivateIP == "" {
		return subnets, nil
	}
	address, err := netip.ParseAddr(p.PrivateIP)
	if err != nil || !address.Is4() {
		return nil, fmt.Errorf("{PrivateIP} is %q: specify an IPv4 address, such as 10.0.0.5", p.PrivateIP)
	}
	var blocks []string
	for _, subnet := range subnets {
		block, err := netip.ParsePrefix(aws.ToString(subnet.CidrBlock))
		if err == nil && block.Contains(address) {
			return []types.Subnet{subnet}, checkReserved(block, address)
		}
		blocks = append(blocks, fmt.Sprintf("%s (%s)", aws.ToString(subnet.CidrBlock), aws.ToString(subnet.SubnetId)))
	}
	slices.Sort(blocks)
	return nil, fmt.Errorf("{PrivateIP} %s is in none of the subnets %s: use one of them, or another {SubnetID}", p.PrivateIP, strings.Join(blocks, ", "))
}

// checkReserved refuses the addresses that AWS reserves in each subnet: the
// first four and the last
// (https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html).
func checkReserved(block netip.Prefix, address netip.Addr) error {
	number := func(a netip.Addr) uint32 { b := a.As4(); return binary.BigEndian.Uint32(b[:]) }
	size := uint64(1) << (block.Addr().BitLen() - block.Bits())
	at := uint64(number(address) - number(block.Masked().Addr()))
	if at < 4 || at == size-1 {
		return fmt.Errorf("{PrivateIP} %s: AWS reserves the first four addresses of %s and the last: use another", address, block)
	}
	return nil
}

// choose takes the subnet with the most free addresses, or a random one that has
// any; or one for each zone if the request selects no subnet.
func (p *Plan) choose(found []types.Subnet) error {
	slices.SortFunc(found, func(a, b types.Subnet) int {
		return cmp.Or(cmp.Compare(aws.ToInt32(b.AvailableIpAddressCount), aws.ToInt32(a.AvailableIpAddressCount)),
			cmp.Compare(aws.ToString(a.SubnetId), aws.ToString(b.SubnetId)))
	})
	if aws.ToInt32(found[0].AvailableIpAddressCount) == 0 {
		return fmt.Errorf("subnet %s has no free address: use another {SubnetID}, or free one", aws.ToString(found[0].SubnetId))
	}
	if p.RandomSubnet {
		found = slices.DeleteFunc(found, func(subnet types.Subnet) bool { return aws.ToInt32(subnet.AvailableIpAddressCount) == 0 })
		rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] }) //nolint:gosec // it spreads load, and is no secret
	}
	p.VPC = aws.ToString(found[0].VpcId)
	for _, one := range found {
		subnet := p.newSubnet(one)
		sameZone := func(other Subnet) bool { return other.Zone == subnet.Zone }
		if subnet.Free > 0 && !slices.ContainsFunc(p.Subnets, sameZone) {
			p.Subnets = append(p.Subnets, subnet)
		}
		if len(p.SubnetFilter) > 0 {
			break
		}
	}
	return nil
}

func (p *Plan) newSubnet(subnet types.Subnet) Subnet {
	public := aws.ToBool(subnet.MapPublicIpOnLaunch)
	if p.AssociatePublicIP != nil {
		public = *p.AssociatePublicIP
	}
	return Subnet{
		ID:       aws.ToString(subnet.SubnetId),
		Zone:     aws.ToString(subnet.AvailabilityZone),
		CIDR:     aws.ToString(subnet.CidrBlock),
		Free:     aws.ToInt32(subnet.AvailableIpAddressCount),
		PublicIP: public,
	}
}
