package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// groupName is the name of a launch's temporary group. Names are unique within a
// VPC, so a repeated request creates no second group.
func groupName(run string) string { return "unikernel-" + run }

// groupsFor returns the security groups of the instance: the user's, or a new
// temporary one.
func groupsFor(ctx context.Context, s *cloud.Session, plan *Plan, ledger *cloud.Ledger) ([]string, error) {
	if len(plan.SecurityGroupIDs) > 0 {
		return plan.SecurityGroupIDs, nil
	}
	id, err := createGroup(ctx, s, plan, ledger)
	return []string{id}, err
}

// createGroup creates the temporary group.
func createGroup(ctx context.Context, s *cloud.Session, plan *Plan, ledger *cloud.Ledger) (string, error) {
	// A repeated request whose first answer was lost is told that there is a
	// group of that name: its own.
	id, err := ledger.Create(ctx, securityGroup{s, plan.RunID}, func(sent *cloud.Attempts) (string, error) {
		answer, err := s.EC2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
			GroupName:   aws.String(groupName(plan.RunID)),
			Description: aws.String("Temporary: opens the ports of a test and goes with its instance"),
			VpcId:       aws.String(plan.VPC),
			TagSpecifications: []types.TagSpecification{
				{ResourceType: types.ResourceTypeSecurityGroup, Tags: plan.tags(cloud.RoleGroup, nil)},
			},
		}, sent.OnEC2)
		if err != nil {
			return "", err
		}
		return aws.ToString(answer.GroupId), nil
	})
	if err != nil {
		return "", fmt.Errorf("create security group: %w", err)
	}
	return id, openPorts(ctx, s, id, plan.openings)
}

// openPorts adds the rules. EC2 may not know a new group for a moment, and a
// rule exists already if an earlier answer was lost.
func openPorts(ctx context.Context, s *cloud.Session, id string, rules []types.IpPermission) error {
	if len(rules) == 0 {
		return nil
	}
	err := s.Waits.Retry(ctx, func() (bool, error) {
		_, err := s.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String(id), IpPermissions: rules,
		})
		return cloud.HasCode(err, "InvalidGroup.NotFound"), err
	})
	if err != nil && !cloud.HasCode(err, "InvalidPermission.Duplicate") {
		return fmt.Errorf("open ports in %s: %w", id, err)
	}
	return nil
}

// securityGroup is the ledger's view of a launch's temporary group.
type securityGroup struct {
	session *cloud.Session
	run     string
}

func (r securityGroup) Session() *cloud.Session { return r.session }

func (r securityGroup) Describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the security group with the tag %s=%s in %s, if there is one", cloud.BuildTag, r.run, r.session.Region)
	}
	return fmt.Sprintf("%s (after its instance has terminated: aws ec2 delete-security-group --region %s --group-id %s)", id, r.session.Region, id)
}

func (r securityGroup) Find(ctx context.Context) (string, error) {
	found, err := securityGroups(ctx, r.session, cloud.RoleFilters(r.run, cloud.RoleGroup)...)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return aws.ToString(found[0].GroupId), nil
}

func securityGroups(ctx context.Context, s *cloud.Session, filters ...types.Filter) ([]types.SecurityGroup, error) {
	return cloud.All(ctx, ec2.NewDescribeSecurityGroupsPaginator(s.EC2, &ec2.DescribeSecurityGroupsInput{Filters: filters}),
		func(page *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return page.SecurityGroups })
}

func (r securityGroup) RemovalTime() time.Duration { return r.session.Waits.Release }

// Remove waits until the group is no longer in use.
func (r securityGroup) Remove(ctx context.Context, id string) error {
	waits := r.session.Waits
	return waits.Await(ctx, id, waits.Release, func(ctx context.Context) (string, bool, error) {
		_, err := r.session.EC2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(id)})
		switch {
		case cloud.HasCode(err, "InvalidGroup.NotFound"):
			return "", false, cloud.ErrGone
		case cloud.HasCode(err, "DependencyViolation", "InvalidGroup.InUse"):
			return cloud.ErrInUse.Error(), false, nil
		}
		return "", err == nil, err
	})
}

// planGroups checks the user's groups, or prepares the rules of the temporary
// one.
func planGroups(ctx context.Context, s *cloud.Session, plan *Plan) error {
	if len(plan.SecurityGroupFilter) > 0 {
		return planFilteredGroups(ctx, s, plan)
	}
	if len(plan.SecurityGroupIDs) > 0 {
		return planNamedGroups(ctx, s, plan)
	}
	if err := planSources(ctx, s, plan); err != nil {
		return err
	}
	var err error
	plan.openings, err = openings(plan.Ports, plan.SourceCIDRs)
	return err
}

// planFilteredGroups finds all groups of the VPC that a filter matches.
func planFilteredGroups(ctx context.Context, s *cloud.Session, plan *Plan) error {
	if plan.VPC == "" {
		return nil // planNetwork returns an error
	}
	groups, err := securityGroups(ctx, s, append(filtersOf(plan.SecurityGroupFilter), cloud.Filter("vpc-id", plan.VPC))...)
	if err != nil {
		return fmt.Errorf("look up {SecurityGroupFilter}: %w", err)
	}
	for _, group := range groups {
		plan.SecurityGroupIDs = append(plan.SecurityGroupIDs, aws.ToString(group.GroupId))
	}
	if len(groups) == 0 {
		return fmt.Errorf("look up {SecurityGroupFilter}: %s matches no group of %s, in which the instance will be: correct it, or omit it to use a temporary group", showFilter(plan.SecurityGroupFilter), plan.VPC)
	}
	slices.Sort(plan.SecurityGroupIDs)
	return nil
}

// planNamedGroups checks that the groups exist, in the VPC of the instance.
func planNamedGroups(ctx context.Context, s *cloud.Session, plan *Plan) error {
	groups, err := securityGroups(ctx, s, cloud.Filter("group-id", plan.SecurityGroupIDs...))
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
			errs = append(errs, fmt.Errorf("{SecurityGroupIDs}: %s has no group %q: correct it, or omit {SecurityGroupIDs} to use a temporary one", s.Region, id))
		} else if plan.VPC != "" && vpc != plan.VPC {
			errs = append(errs, fmt.Errorf("{SecurityGroupIDs}: %s belongs to %s, and the instance will be in %s: use a group and a subnet of the same VPC", id, vpc, plan.VPC))
		}
	}
	return errors.Join(errs...)
}

// openings makes the rules that open ports to CIDR blocks, each only once,
// because EC2 refuses duplicates.
func openings(ports []Port, cidrs []string) ([]types.IpPermission, error) {
	blocks, errs := readBlocks(cidrs)
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
			errs = append(errs, fmt.Errorf("{SourceCIDRs}: %q is not a CIDR block: use for example 203.0.113.7/32 or 2001:db8::/64", text))
		} else if block = block.Masked(); !slices.Contains(blocks, block) {
			blocks = append(blocks, block)
		}
	}
	return blocks, errs
}

// Types of ICMP messages (RFC 792, RFC 4443). EC2's rules have the type in place
// of the first port and the code, -1 for any, in place of the last.
const (
	echoRequest  = 8
	echoRequest6 = 128
	anyCode      = -1
)

// rulesFor makes a port's rules for IPv4 and IPv6, without blocks.
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
	return rule, rule6, fmt.Errorf("open port %d: protocol %q is not tcp, udp, or icmp", port.Number, port.Protocol)
}
