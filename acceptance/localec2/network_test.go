package localec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ownNetwork is a VPC of one's own that the internet is routed to.
type ownNetwork struct{ vpc, subnet, gateway, table, group *string }

func (l *lab) ownVPC() ownNetwork {
	l.t.Helper()
	var n ownNetwork
	n.vpc = must(l.ec2.CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(l.t).Vpc.VpcId
	n.subnet = must(l.ec2.CreateSubnet(l.ctx, &ec2.CreateSubnetInput{VpcId: n.vpc, CidrBlock: aws.String("10.0.0.0/24")}))(l.t).Subnet.SubnetId
	n.gateway = must(l.ec2.CreateInternetGateway(l.ctx, &ec2.CreateInternetGatewayInput{}))(l.t).InternetGateway.InternetGatewayId
	must(l.ec2.AttachInternetGateway(l.ctx, &ec2.AttachInternetGatewayInput{VpcId: n.vpc, InternetGatewayId: n.gateway}))(l.t)
	tables := must(l.ec2.DescribeRouteTables(l.ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filterBy("vpc-id", *n.vpc)}}))(l.t)
	n.table = tables.RouteTables[0].RouteTableId
	must(l.ec2.CreateRoute(l.ctx, &ec2.CreateRouteInput{RouteTableId: n.table, DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: n.gateway}))(l.t)
	n.group = l.group(n.vpc, "web", 80)
	return n
}

// group makes a group that opens TCP ports to all.
func (l *lab) group(vpc *string, name string, ports ...int32) *string {
	l.t.Helper()
	id := must(l.ec2.CreateSecurityGroup(l.ctx, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: aws.String("test"), VpcId: vpc}))(l.t).GroupId
	for _, port := range ports {
		must(l.ec2.AuthorizeSecurityGroupIngress(l.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: id, IpPermissions: opening("tcp", port, port, "0.0.0.0/0")}))(l.t)
	}
	return id
}

func opening(protocol string, from, to int32, cidr string) []types.IpPermission {
	return []types.IpPermission{{IpProtocol: &protocol, FromPort: &from, ToPort: &to, IpRanges: []types.IpRange{{CidrIp: &cidr}}}}
}

func TestDefaultNetwork(t *testing.T) {
	l := start(t, Options{})
	vpcs := must(l.ec2.DescribeVpcs(l.ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{filterBy("is-default", "true")}}))(t).Vpcs
	if len(vpcs) != 1 || *vpcs[0].CidrBlock != "172.31.0.0/16" {
		t.Fatalf("default VPCs: %+v", vpcs)
	}
	in := []types.Filter{filterBy("vpc-id", *vpcs[0].VpcId)}
	subnets := must(l.ec2.DescribeSubnets(l.ctx, &ec2.DescribeSubnetsInput{Filters: in}))(t).Subnets
	zones := map[string]bool{}
	for _, s := range subnets {
		zones[*s.AvailabilityZone] = *s.MapPublicIpOnLaunch && *s.DefaultForAz && *s.AvailableIpAddressCount == 4091
	}
	if len(zones) != 6 || !zones["us-east-1a"] || !zones["us-east-1f"] {
		t.Errorf("default subnets: %v", zones)
	}
	groups := must(l.ec2.DescribeSecurityGroups(l.ctx, &ec2.DescribeSecurityGroupsInput{GroupNames: []string{"default"}}))(t).SecurityGroups
	if len(groups) != 1 || *groups[0].VpcId != *vpcs[0].VpcId || *groups[0].IpPermissions[0].UserIdGroupPairs[0].GroupId != *groups[0].GroupId {
		t.Errorf("default groups: %+v", groups)
	}
	if left := l.Resources(); len(left) != 0 {
		t.Errorf("a new server has %+v", left)
	}
}

// TestDependencies takes a network down in the one order that AWS allows,
// after trying all others.
func TestDependencies(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	n := l.ownVPC()
	in := launching(l.register("hello", l.snapshot()))
	in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{
		DeviceIndex: aws.Int32(0), SubnetId: n.subnet, Groups: []string{*n.group}, PrivateIpAddress: aws.String("10.0.0.10"), AssociatePublicIpAddress: aws.Bool(true),
	}}
	instance := l.launch(in).InstanceId
	steps := []struct {
		name string
		do   func() error
	}{
		{"group", func() error {
			_, err := l.ec2.DeleteSecurityGroup(l.ctx, &ec2.DeleteSecurityGroupInput{GroupId: n.group})
			return err
		}},
		{"subnet", func() error {
			_, err := l.ec2.DeleteSubnet(l.ctx, &ec2.DeleteSubnetInput{SubnetId: n.subnet})
			return err
		}},
		{"attachment", func() error {
			_, err := l.ec2.DetachInternetGateway(l.ctx, &ec2.DetachInternetGatewayInput{VpcId: n.vpc, InternetGatewayId: n.gateway})
			return err
		}},
		{"gateway", func() error {
			_, err := l.ec2.DeleteInternetGateway(l.ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: n.gateway})
			return err
		}},
		{"VPC", func() error {
			_, err := l.ec2.DeleteVpc(l.ctx, &ec2.DeleteVpcInput{VpcId: n.vpc})
			return err
		}},
	}
	for _, step := range steps {
		if got := refusal(step.do()); got != "DependencyViolation 400" {
			t.Errorf("delete the %s while it is in use: %q", step.name, got)
		}
	}
	l.terminate(instance)
	l.settle(instance, "terminated")
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Errorf("delete the %s: %v", step.name, err)
		}
	}
	if r := l.Resources()["us-east-1"]; len(r.Instances)+len(r.Networks) != 0 {
		t.Errorf("left: %+v", r)
	}
}

func TestNetworkRefusals(t *testing.T) {
	l := start(t, Options{})
	n := l.ownVPC()
	subnet := func(cidr string) error {
		_, err := l.ec2.CreateSubnet(l.ctx, &ec2.CreateSubnetInput{VpcId: n.vpc, CidrBlock: &cidr})
		return err
	}
	vpc := func(cidr string) error {
		_, err := l.ec2.CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: &cidr})
		return err
	}
	allow := func(protocol string, from, to int32, cidr string) error {
		_, err := l.ec2.AuthorizeSecurityGroupIngress(l.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: n.group, IpPermissions: opening(protocol, from, to, cidr)})
		return err
	}
	group := func(name string) error {
		_, err := l.ec2.CreateSecurityGroup(l.ctx, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: aws.String("test"), VpcId: n.vpc})
		return err
	}
	_, revoked := l.ec2.RevokeSecurityGroupIngress(l.ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: n.group, IpPermissions: opening("tcp", 81, 81, "0.0.0.0/0")})
	_, routed := l.ec2.CreateRoute(l.ctx, &ec2.CreateRouteInput{RouteTableId: n.table, DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: n.gateway})
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"VPC too large", vpc("10.0.0.0/8"), "InvalidVpc.Range 400"},
		{"VPC that is no block", vpc("ten"), "InvalidParameterValue 400"},
		{"subnet too small", subnet("10.0.9.0/29"), "InvalidSubnet.Range 400"},
		{"subnet outside", subnet("10.1.0.0/24"), "InvalidSubnet.Range 400"},
		{"subnet again", subnet("10.0.0.128/25"), "InvalidSubnet.Conflict 400"},
		{"rule again", allow("tcp", 80, 80, "0.0.0.0/0"), "InvalidPermission.Duplicate 400"},
		{"rule again, by number", allow("6", 80, 80, "0.0.0.0/0"), "InvalidPermission.Duplicate 400"},
		{"rule backwards", allow("tcp", 81, 80, "0.0.0.0/0"), "InvalidParameterValue 400"},
		{"rule past the last port", allow("udp", 1, 65536, "0.0.0.0/0"), "InvalidParameterValue 400"},
		{"rule of no protocol", allow("tcpip", 1, 2, "0.0.0.0/0"), "InvalidParameterValue 400"},
		{"rule for no block", allow("tcp", 1, 2, "0.0.0.0"), "InvalidParameterValue 400"},
		{"unknown rule", revoked, "InvalidPermission.NotFound 400"},
		{"group again", group("web"), "InvalidGroup.Duplicate 400"},
		{"reserved group", group("default"), "InvalidParameterValue 400"},
		{"route again", routed, "RouteAlreadyExists 400"},
		{"pings", allow("icmp", -1, -1, "0.0.0.0/0"), ""},
		{"subnet beside", subnet("10.0.1.0/24"), ""},
	} {
		if got := refusal(test.err); got != test.want {
			t.Errorf("%s: %q (%v), want %q", test.name, got, test.err, test.want)
		}
	}
}
