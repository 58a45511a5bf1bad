package instance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// ruleText shows rules, one word each.
func ruleText(rules []types.IpPermission) []string {
	var words []string
	for _, rule := range rules {
		head := fmt.Sprintf("%s:%d:%d:", aws.ToString(rule.IpProtocol), aws.ToInt32(rule.FromPort), aws.ToInt32(rule.ToPort))
		for _, block := range rule.IpRanges {
			words = append(words, head+*block.CidrIp)
		}
		for _, block := range rule.Ipv6Ranges {
			words = append(words, head+*block.CidrIpv6)
		}
	}
	slices.Sort(words)
	return words
}

func TestOpenings(t *testing.T) {
	for _, test := range []struct {
		ports []Port
		cidrs []string
		want  string
	}{
		{nil, nil, ""},
		{nil, []string{"0.0.0.0/0"}, ""},
		{[]Port{{"tcp", 80}}, []string{"0.0.0.0/0"}, "tcp:80:80:0.0.0.0/0"},
		{[]Port{{"tcp", 80}, {"tcp", 80}}, []string{"10.1.2.3/8", "10.0.0.0/8", "10.0.0.0/8"}, "tcp:80:80:10.0.0.0/8"},
		{[]Port{{"udp", 53}, {"tcp", 53}}, []string{"::/0"}, "tcp:53:53:::/0 udp:53:53:::/0"},
		{[]Port{{"icmp", 0}}, []string{"192.0.2.1/32", "2001:db8::/32"}, "icmp:8:-1:192.0.2.1/32 icmpv6:128:-1:2001:db8::/32"},
		{[]Port{{"tcp", 65535}, {"tcp", 0}}, []string{"0.0.0.0/0"}, "tcp:0:0:0.0.0.0/0 tcp:65535:65535:0.0.0.0/0"},
	} {
		rules, err := openings(test.ports, test.cidrs)
		if got := strings.Join(ruleText(rules), " "); err != nil || got != test.want {
			t.Errorf("%v to %v: %s, error %v; want %s", test.ports, test.cidrs, got, err, test.want)
		}
	}
}

func TestTemporaryGroup(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{Invisible: 20 * time.Millisecond})
	var ledger cloud.Ledger
	id, err := createGroup(t.Context(), s, planned(t, s, r), &ledger)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.EC2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	group := answer.SecurityGroups[0]
	want := []string{"icmp:8:-1:127.0.0.1/32", "icmpv6:128:-1:::1/128", "tcp:80:80:127.0.0.1/32", "tcp:80:80:::1/128"}
	if diff := cmp.Diff(want, ruleText(group.IpPermissions)); diff != "" {
		t.Error(diff)
	}
	if *group.GroupName != "unikernel-run-1" || cloudtest.TagText(group.Tags) != "Name=smoke test Owner=platform unikernel:build=run-1 unikernel:role=test-security-group" {
		t.Errorf("group %s with the tags %s", *group.GroupName, cloudtest.TagText(group.Tags))
	}
	// A second group of the same launch is refused, and not mistaken for the first.
	var second cloud.Ledger
	_, err = createGroup(t.Context(), s, planned(t, s, r), &second)
	cloudtest.WantError(t, err, "create security group: ", "InvalidGroup.Duplicate")
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	noInstanceLeft(t, server)
}

// A group that is in use is deleted as soon as it is free.
func TestGroupWaitsForItsInstance(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{InstanceEnding: 150 * time.Millisecond})
	var ledger cloud.Ledger
	in := running(t, s, r, &ledger)
	ended(t, s, in.ID)
	group := &securityGroup{session: s, run: r.RunID}
	id, err := group.Find(t.Context())
	if err != nil || id == "" {
		t.Fatalf("group %q, error %v", id, err)
	}
	started := time.Now()
	if err := group.Remove(t.Context(), id); err != nil {
		t.Error(err)
	}
	if took := time.Since(started); took < 100*time.Millisecond {
		t.Errorf("deleted after %v, with the instance still there", took)
	}
	noInstanceLeft(t, server)
}

func TestUndoNamesTheInstanceThatIsLeft(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	s.Waits.Release = 400 * time.Millisecond
	cloudtest.Inject(t, server, "TerminateInstances=refuse")
	var ledger cloud.Ledger
	in := running(t, s, r, &ledger)
	_, err := ledger.Undo(t.Context())
	cloudtest.WantError(t, err, "aws ec2 terminate-instances --region us-east-1 --instance-ids "+in.ID,
		"aws ec2 delete-security-group --region us-east-1 --group-id sg-", "not done within 300ms; last state: is in use")
}

func TestUndoNamesWhatMayBeLeft(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	plan := planned(t, s, r)
	cloudtest.Inject(t, server, "RunInstances=cut-after", "DescribeInstances=refuse")
	var ledger cloud.Ledger
	if _, err := Launch(t.Context(), s, plan, &ledger); err == nil {
		t.Error("no error although no answer came")
	}
	s.Waits.Release = 400 * time.Millisecond
	_, err := ledger.Undo(t.Context())
	cloudtest.WantError(t, err, "the instance with the tag unikernel:build=run-1 in us-east-1, if there is one")
}

func TestKeep(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	var ledger cloud.Ledger
	in := running(t, s, r, &ledger)
	group := server.Resources()["us-east-1"].Networks[0].ID
	ledger.Add(securityGroup{s, "lost"}, "")
	want := []string{
		"the security group with the tag unikernel:build=lost in us-east-1, if there is one",
		in.ID + " (aws ec2 terminate-instances --region us-east-1 --instance-ids " + in.ID + ")",
		group + " (after its instance has terminated: aws ec2 delete-security-group --region us-east-1 --group-id " + group + ")",
	}
	if diff := cmp.Diff(want, ledger.Keep()); diff != "" {
		t.Error(diff)
	}
	if removed, err := ledger.Undo(t.Context()); err != nil || len(removed) > 0 || ledger.Len() > 0 {
		t.Errorf("removed %v, error %v, after all was to be kept", removed, err)
	}
	left := server.Resources()["us-east-1"]
	if len(left.Instances) != 1 || left.Instances[0].State != "running" || len(left.Networks) != 1 {
		t.Errorf("kept: %+v %+v", left.Instances, left.Networks)
	}
}

// Groups of other roles have the same build tag.
func TestLostGroupIsLookedUpByRoleOnAllPages(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	for i := range 8 { // the server lists groups in random order
		_, err := s.EC2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
			GroupName: aws.String(fmt.Sprint("other ", i)), Description: aws.String("of the same build"),
			TagSpecifications: []types.TagSpecification{{
				ResourceType: types.ResourceTypeSecurityGroup,
				Tags:         cloud.SortedTags(map[string]string{cloud.BuildTag: r.RunID, cloud.RoleTag: "other"}),
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	plan := planned(t, s, r)
	cloudtest.EmptyFirstPages(s)
	cloudtest.Inject(t, server, "CreateSecurityGroup=cut-after,nth=1", "CreateSecurityGroup=refuse,from=2")
	var ledger cloud.Ledger
	id, err := createGroup(t.Context(), s, plan, &ledger)
	if err != nil {
		t.Fatal(err)
	}
	found, err := securityGroups(t.Context(), s, cloud.Filter("group-id", id))
	if err != nil || len(found) != 1 || *found[0].GroupName != groupName(r.RunID) {
		t.Errorf("%s is not the group of the launch; error %v", id, err)
	}
	if removed, err := ledger.Undo(t.Context()); err != nil || !slices.Equal(removed, []string{id}) {
		t.Errorf("removed %v, error %v", removed, err)
	}
}
