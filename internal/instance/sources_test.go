package instance

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

func TestDefaultSources(t *testing.T) {
	public, private := Subnet{PublicIP: true}, Subnet{}
	answer, silence := netip.MustParseAddr("198.51.100.7"), errors.New("no response")
	for _, test := range []struct {
		name     string
		reach    Reach
		subnets  []Subnet
		endpoint string
		address  netip.Addr // the answer, if there is one
		asked    bool
		want     string
		unknown  string
	}{
		{"a public address", "", []Subnet{public, public}, "", answer, true, "198.51.100.7/32", ""},
		{"no answer", "", []Subnet{public}, "", netip.Addr{}, true, "0.0.0.0/0", "no response"},
		{"the public address, as the user says", ReachPublic, []Subnet{private}, "", answer, true, "198.51.100.7/32", ""},
		{"a private subnet", "", []Subnet{private}, "", answer, false, "0.0.0.0/0", ""},
		{"the private address", ReachPrivate, []Subnet{public}, "", answer, false, "0.0.0.0/0", ""},
		{"some public subnets", "", []Subnet{public, private}, "", answer, false, "0.0.0.0/0", "only some of the subnets"},
		{"IPv6", ReachIPv6, []Subnet{public}, "", answer, false, "::/0", "for IPv4 only"},
		{"a custom endpoint", "", []Subnet{public}, "http://127.0.0.1:1", answer, false, "0.0.0.0/0", ""},
		{"a custom endpoint and IPv6", ReachIPv6, []Subnet{public}, "http://127.0.0.1:1", answer, false, "::/0", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := false
			plan := &Plan{Request: Request{Reach: test.reach}, Subnets: test.subnets}
			cidrs, unknown := plan.defaultSources(test.endpoint, func() (netip.Addr, error) {
				if asked = true; !test.address.IsValid() {
					return test.address, silence
				}
				return test.address, nil
			})
			if !slices.Equal(cidrs, []string{test.want}) || asked != test.asked {
				t.Errorf("%v, asked %v; want %s, %v", cidrs, asked, test.want, test.asked)
			}
			if (unknown == nil) != (test.unknown == "") || unknown != nil && !strings.Contains(unknown.Error(), test.unknown) {
				t.Errorf("unknown because: %v; want %s", unknown, test.unknown)
			}
		})
	}
}

// On a local EC2, this machine is 127.0.0.1.
func TestSourceOnALocalEC2(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	r.SourceCIDRs, r.SourcePublicIP = nil, true
	if plan := planned(t, s, r); !slices.Equal(plan.SourceCIDRs, []string{"127.0.0.1/32"}) {
		t.Errorf("sources %v", plan.SourceCIDRs)
	}
	for endpoint, want := range map[string]bool{"http://127.0.0.1:80": true, "http://[::1]": true, "http://localhost:1": true, "": false, "https://ec2.example.org": false, "http://198.51.100.7": false} {
		if isLoopback(endpoint) != want {
			t.Errorf("%q: %v", endpoint, !want)
		}
	}
}

// A filter selects all groups that match, of the instance's VPC only.
func TestGroupsByFilter(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	create := func(name, vpc string) string {
		t.Helper()
		answer, err := s.EC2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
			GroupName: &name, Description: aws.String("test"), VpcId: &vpc, TagSpecifications: nameTag("security-group", "web"),
		})
		if err != nil {
			t.Fatal(err)
		}
		return *answer.GroupId
	}
	here := planned(t, s, r).VPC
	want := []string{create("a", here), create("b", here)}
	slices.Sort(want)
	create("c", newVPC(t, s, "other"))
	r.SourceCIDRs, r.SecurityGroupFilter = nil, map[string]string{"tag:Name": "web"}
	plan := planned(t, s, r)
	if !slices.Equal(plan.SecurityGroupIDs, want) {
		t.Errorf("groups %v; want %v", plan.SecurityGroupIDs, want)
	}
	var ledger cloud.Ledger
	in, err := Launch(t.Context(), s, plan, &ledger)
	if err != nil {
		t.Fatal(err)
	}
	if ledger.Len() != 1 || len(server.Resources()["us-east-1"].Instances) != 1 {
		t.Errorf("%d resources; want %s alone", ledger.Len(), in.ID)
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
}
