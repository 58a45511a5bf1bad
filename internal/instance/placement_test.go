package instance

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

func nameTag(kind types.ResourceType, name string) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: kind, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String(name)}}}}
}

// newVPC creates a VPC, and newSubnet a subnet named web in it. They return the id.
func newVPC(t *testing.T, s *cloud.Session, name string) string {
	t.Helper()
	answer, err := s.EC2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), TagSpecifications: nameTag("vpc", name)})
	if err != nil {
		t.Fatal(err)
	}
	return *answer.Vpc.VpcId
}

func newSubnet(t *testing.T, s *cloud.Session, vpc, cidr, zone string) string {
	t.Helper()
	answer, err := s.EC2.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{
		VpcId: aws.String(vpc), CidrBlock: aws.String(cidr), AvailabilityZone: aws.String(zone), TagSpecifications: nameTag("subnet", "web"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *answer.Subnet.SubnetId
}

func subnetIDs(plan *Plan) []string {
	var ids []string
	for _, subnet := range plan.Subnets {
		ids = append(ids, subnet.ID)
	}
	return ids
}

func TestPlanOfALaunchFindsTheSubnet(t *testing.T) {
	_, s, good := startLaunch(t, localec2.Options{})
	vpc := newVPC(t, s, "tests")
	small := newSubnet(t, s, vpc, "10.0.0.0/28", "us-east-1a")
	large := newSubnet(t, s, vpc, "10.0.1.0/24", "us-east-1a")
	other := newSubnet(t, s, vpc, "10.0.2.0/26", "us-east-1b")
	for _, test := range []struct {
		name   string
		change func(*Request)
		want   []string
	}{
		{"by id", func(r *Request) { r.SubnetID = small }, []string{small}},
		{"by id, with what it is in", func(r *Request) { r.SubnetID, r.VPCID, r.AvailabilityZone = small, vpc, "us-east-1a" }, []string{small}},
		{"by cloud.Filter: the one with most free addresses", func(r *Request) { r.SubnetFilter = map[string]string{"tag:Name": "web"} }, []string{large}},
		{"by cloud.Filter and zone", func(r *Request) {
			r.SubnetFilter, r.AvailabilityZone = map[string]string{"tag:Name": "w*"}, "us-east-1b"
		}, []string{other}},
		{"by VPC: one in each zone", func(r *Request) { r.VPCID = vpc }, []string{large, other}},
		{"by cloud.Filter of VPCs", func(r *Request) { r.VPCFilter = map[string]string{"tag:Name": "tests"} }, []string{large, other}},
		{"by both filters", func(r *Request) {
			r.VPCFilter, r.SubnetFilter = map[string]string{"tag:Name": "tests"}, map[string]string{"cidr-block": "10.0.2.0/26"}
		}, []string{other}},
		{"by private address", func(r *Request) { r.VPCID, r.PrivateIP = vpc, "10.0.0.14" }, []string{small}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := good
			test.change(&r)
			plan := planned(t, s, r)
			if got := subnetIDs(plan); !slices.Equal(got, test.want) || plan.VPC != vpc || plan.Subnets[0].PublicIP {
				t.Errorf("subnets %+v of %s; want %v of %s", plan.Subnets, plan.VPC, test.want, vpc)
			}
		})
	}
	good.SubnetID, good.VPCID, good.AvailabilityZone = small, "vpc-00000000", "us-east-1b"
	_, err := NewPlan(t.Context(), s, good)
	cloudtest.WantError(t, err, "not in {VPCID} vpc-00000000: omit {VPCID}", "not in {AvailabilityZone} us-east-1b: omit {AvailabilityZone}")

	second := newVPC(t, s, "tests")
	good.SubnetID, good.VPCID, good.AvailabilityZone, good.VPCFilter = "", "", "", map[string]string{"tag:Name": "tests"}
	_, err = NewPlan(t.Context(), s, good)
	cloudtest.WantError(t, err, "{VPCFilter} tag:Name=tests matches vpc-", vpc, second, "narrow it to one")
}

// A random subnet is one that the filter finds and that has a free address.
func TestPlanOfALaunchInARandomSubnet(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	vpc := newVPC(t, s, "tests")
	want := []string{newSubnet(t, s, vpc, "10.0.0.0/28", "us-east-1a"), newSubnet(t, s, vpc, "10.0.1.0/24", "us-east-1b")}
	r.SubnetFilter, r.RandomSubnet = map[string]string{"tag:Name": "web"}, true
	seen := map[string]int{}
	for range 64 { // both but once in 2^63 runs
		plan := planned(t, s, r)
		if len(plan.Subnets) != 1 || !slices.Contains(want, plan.Subnets[0].ID) {
			t.Fatalf("subnets %v", subnetIDs(plan))
		}
		seen[plan.Subnets[0].ID]++
	}
	if len(seen) != 2 {
		t.Errorf("chosen: %v", seen)
	}
}

func TestPlanOfALaunchComparesVPCs(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	vpc := newVPC(t, s, "tests")
	r.SubnetID = newSubnet(t, s, vpc, "10.0.0.0/24", "us-east-1a")
	group, err := s.EC2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("g")})
	if err != nil {
		t.Fatal(err)
	}
	r.SecurityGroupIDs = []string{*group.GroupId}
	_, err = NewPlan(t.Context(), s, r)
	cloudtest.WantError(t, err, *group.GroupId+" belongs to vpc-", "and the instance will be in "+vpc)

	r.SubnetID = ""
	if plan := planned(t, s, r); len(plan.openings) > 0 {
		t.Error("rules are planned for a group that isn't made")
	}
}

func TestPlanOfALaunchWithPublicAddress(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	for _, want := range []bool{true, false} {
		r.AssociatePublicIP = aws.Bool(want)
		if plan := planned(t, s, r); plan.Subnets[0].PublicIP != want {
			t.Errorf("public address %v; want %v", plan.Subnets[0].PublicIP, want)
		}
	}
}

func TestPlanOfALaunchWithoutDefaultVPC(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	cloudtest.HookCalls(s, func(action string, request *http.Request, send cloudtest.Send) (*http.Response, error) {
		if action == "DescribeVpcs" {
			return cloudtest.Answer("<DescribeVpcsResponse><vpcSet/></DescribeVpcsResponse>"), nil
		}
		return send(request)
	})
	_, err := NewPlan(t.Context(), s, r)
	cloudtest.WantError(t, err, `us-east-1 has no default VPC: specify {VPCID} or {SubnetID}, or create one with "aws ec2 create-default-vpc --region us-east-1"`)
}

func TestFullSubnets(t *testing.T) {
	subnet := func(id, zone string, free int32) types.Subnet {
		return types.Subnet{SubnetId: aws.String(id), AvailabilityZone: aws.String(zone), VpcId: aws.String("vpc-1"), AvailableIpAddressCount: aws.Int32(free)}
	}
	var plan Plan
	if err := plan.choose([]types.Subnet{subnet("s-3", "c", 0), subnet("s-2", "b", 7), subnet("s-1", "a", 7), subnet("s-0", "a", 6)}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(subnetIDs(&plan), " "); got != "s-1 s-2" {
		t.Errorf("chosen: %s", got)
	}
	cloudtest.WantError(t, plan.choose([]types.Subnet{subnet("s-3", "c", 0)}), "subnet s-3 has no free address")
}

func TestReservedAddresses(t *testing.T) {
	for _, test := range []struct {
		block, address string
		reserved       bool
	}{
		{"10.0.0.0/24", "10.0.0.0", true},
		{"10.0.0.0/24", "10.0.0.3", true},
		{"10.0.0.0/24", "10.0.0.4", false},
		{"10.0.0.0/24", "10.0.0.254", false},
		{"10.0.0.0/24", "10.0.0.255", true},
		{"10.0.0.16/28", "10.0.0.19", true},
		{"10.0.0.16/28", "10.0.0.20", false},
		{"10.0.0.16/28", "10.0.0.31", true},
		{"0.0.0.0/0", "255.255.255.255", true},
	} {
		if err := checkReserved(netip.MustParsePrefix(test.block), netip.MustParseAddr(test.address)); (err != nil) != test.reserved {
			t.Errorf("%s in %s: %v", test.address, test.block, err)
		}
	}
}
