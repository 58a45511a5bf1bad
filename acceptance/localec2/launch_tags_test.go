package localec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestLaunchTagSpecifications launches with a list of tag specifications whose
// members don't agree: the first fault by number is answered, each time.
func TestLaunchTagSpecifications(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	ami := l.register("hello", l.snapshot())
	name := []types.Tag{{Key: aws.String("Name"), Value: aws.String("x")}}
	for range 20 {
		in := launching(ami)
		in.TagSpecifications = []types.TagSpecification{
			{ResourceType: "instance", Tags: name}, {ResourceType: "volume"}, {ResourceType: "image", Tags: name},
		}
		_, err := l.ec2.RunInstances(l.ctx, in)
		wantRefusal(t, err, "InvalidTagKey.Malformed 400")
	}
}

// TestLongLists has the tenth and later members of a list count.
func TestLongLists(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	in := launching(l.register("hello", l.snapshot()))
	for range 12 {
		in.TagSpecifications = append(in.TagSpecifications, types.TagSpecification{ResourceType: "instance", Tags: manyTags(12)})
	}
	_, err := l.ec2.RunInstances(l.ctx, in)
	wantRefusal(t, err, "InvalidParameterValue 400") // one type, twelve times
	in.TagSpecifications = in.TagSpecifications[:1]
	if got := len(l.launch(in).Tags); got != 12 {
		t.Errorf("%d tags of 12", got)
	}

	group := l.group(nil, "many")
	var permissions []types.IpPermission
	for port := range int32(12) {
		permissions = append(permissions, opening("tcp", port, port, "0.0.0.0/0")...)
	}
	must(l.ec2.AuthorizeSecurityGroupIngress(l.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group, IpPermissions: permissions}))(t)
	shown := must(l.ec2.DescribeSecurityGroups(l.ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*group}}))(t).SecurityGroups[0]
	if got := len(shown.IpPermissions); got != 12 {
		t.Errorf("%d rules of 12", got)
	}
	var filters []types.Filter
	for range 11 {
		filters = append(filters, filterBy("group-name", "m*"))
	}
	filters = append(filters, filterBy("group-name", "1", "2", "3", "4", "5", "6", "7", "8", "9", "none"))
	for _, want := range []int{0, 1} {
		found := must(l.ec2.DescribeSecurityGroups(l.ctx, &ec2.DescribeSecurityGroupsInput{Filters: filters}))(t).SecurityGroups
		if len(found) != want {
			t.Errorf("the filters find %d groups, want %d", len(found), want)
		}
		filters[11].Values[9] = "many" // the tenth value of the twelfth filter
	}
}
