package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// planGroups checks the user's groups, or what the temporary one is to open.
func planGroups(ctx context.Context, s *cloud.Session, plan *Plan) (err error) {
	if len(plan.SecurityGroupIDs) == 0 {
		plan.openings, err = openings(plan.Ports, plan.SourceCIDRs)
		return err
	}
	groups, err := describeGroups(ctx, s, cloud.Filter("group-id", plan.SecurityGroupIDs...))
	if err != nil {
		return fmt.Errorf("look up {SecurityGroupIDs}: %w", err)
	}
	known := map[string]string{} // VPC by group
	for _, group := range groups {
		known[aws.ToString(group.GroupId)] = aws.ToString(group.VpcId)
	}
	var errs []error
	for _, id := range plan.SecurityGroupIDs {
		if vpc, found := known[id]; !found {
			errs = append(errs, fmt.Errorf("{SecurityGroupIDs}: %s has no group %q: correct it, or leave {SecurityGroupIDs} out to have a temporary one made", s.Region, id))
		} else if plan.VPC != "" && vpc != plan.VPC {
			errs = append(errs, fmt.Errorf("{SecurityGroupIDs}: %s is of %s, and the instance will be in %s: use a group or a subnet of the other's VPC", id, vpc, plan.VPC))
		}
	}
	return errors.Join(errs...)
}

// openings makes the rules that open ports to CIDR blocks, each once: EC2
// refuses repeated ones.
func openings(ports []Port, cidrs []string) ([]types.IpPermission, error) {
	blocks, errs := readBlocks(cidrs)
	if len(ports) > 0 && len(cidrs) == 0 {
		errs = append(errs, errors.New("{SourceCIDRs} is empty: nobody could reach the instance; give for example 0.0.0.0/0"))
	}
	ports = slices.Clone(ports)
	slices.SortFunc(ports, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Number, b.Number))
	})
	var rules []types.IpPermission
	for _, port := range slices.Compact(ports) {
		rule, rule6, err := rulesFor(port)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, block := range blocks {
			if block.Addr().Is4() {
				rule.IpRanges = append(rule.IpRanges, types.IpRange{CidrIp: aws.String(block.String())})
			} else {
				rule6.Ipv6Ranges = append(rule6.Ipv6Ranges, types.Ipv6Range{CidrIpv6: aws.String(block.String())})
			}
		}
		if len(rule.IpRanges) > 0 {
			rules = append(rules, rule)
		}
		if len(rule6.Ipv6Ranges) > 0 {
			rules = append(rules, rule6)
		}
	}
	return rules, errors.Join(errs...)
}

// readBlocks reads CIDR blocks into their canonical form, as EC2 does.
func readBlocks(cidrs []string) (blocks []netip.Prefix, errs []error) {
	for _, text := range cidrs {
		block, err := netip.ParsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("{SourceCIDRs}: %q is no CIDR block: write for example 203.0.113.7/32 or 2001:db8::/64", text))
		} else if block = block.Masked(); !slices.Contains(blocks, block) {
			blocks = append(blocks, block)
		}
	}
	return blocks, errs
}

// Types of ICMP messages (RFC 792, RFC 4443). In EC2's rules the type stands
// where the first port does, and -1 for the code means any.
const (
	echoRequest  = 8
	echoRequest6 = 128
	anyCode      = -1
)

// rulesFor makes a port's rules for IPv4 and for IPv6 with no blocks yet.
func rulesFor(port Port) (rule, rule6 types.IpPermission, err error) {
	permission := func(protocol string, from, to int32) types.IpPermission {
		return types.IpPermission{IpProtocol: aws.String(protocol), FromPort: aws.Int32(from), ToPort: aws.Int32(to)}
	}
	switch port.Protocol {
	case "tcp", "udp":
		rule = permission(port.Protocol, int32(port.Number), int32(port.Number))
		return rule, rule, nil
	case "icmp":
		return permission("icmp", echoRequest, anyCode), permission("icmpv6", echoRequest6, anyCode), nil
	}
	return rule, rule6, fmt.Errorf("open port %d: protocol %q is none of tcp, udp and icmp", port.Number, port.Protocol)
}
