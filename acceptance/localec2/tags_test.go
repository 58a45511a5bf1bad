package localec2

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// tagsSeen lists what DescribeTags shows, one "type key=value" a tag.
func tagsSeen(t *testing.T, l *lab, filters ...types.Filter) string {
	t.Helper()
	var lines []string
	for _, d := range must(l.ec2.DescribeTags(l.ctx, &ec2.DescribeTagsInput{Filters: filters}))(t).Tags {
		lines = append(lines, fmt.Sprintf("%s %s=%s", d.ResourceType, *d.Key, aws.ToString(d.Value)))
	}
	return strings.Join(lines, "\n")
}

func TestTags(t *testing.T) {
	l := start(t, Options{})
	snap := l.snapshot()
	ami := l.register("hello", snap)
	both := []string{*ami, *snap}
	must(l.ec2.CreateTags(l.ctx, &ec2.CreateTagsInput{Resources: both, Tags: []types.Tag{tagOf("a", "1"), tagOf("b", "2")}}))(t)
	must(l.ec2.CreateTags(l.ctx, &ec2.CreateTagsInput{Resources: []string{*snap}, Tags: []types.Tag{tagOf("a", "3"), tagOf("c", "")}}))(t)
	for _, test := range []struct {
		filter types.Filter
		want   string
	}{
		{filterBy("resource-id", *ami), "image a=1\nimage b=2"},
		{filterBy("resource-type", "snapshot"), "snapshot a=3\nsnapshot b=2\nsnapshot c="},
		{filterBy("key", "a"), "image a=1\nsnapshot a=3"},
		{filterBy("value", "2", "3"), "image b=2\nsnapshot a=3\nsnapshot b=2"},
		{filterBy("tag:a", "3"), "snapshot a=3"},
	} {
		if diff := cmp.Diff(test.want, tagsSeen(t, l, test.filter)); diff != "" {
			t.Errorf("filter %s (-want +got):\n%s", *test.filter.Name, diff)
		}
	}

	del := func(tags ...types.Tag) string {
		must(l.ec2.DeleteTags(l.ctx, &ec2.DeleteTagsInput{Resources: []string{*snap}, Tags: tags}))(t)
		return tagsSeen(t, l, filterBy("resource-id", *snap))
	}
	if got := del(tagOf("a", "1"), tagOf("b", "2")); got != "snapshot a=3\nsnapshot c=" {
		t.Errorf("after deleting by value: %s", got)
	}
	if got := del(types.Tag{Key: aws.String("a")}); got != "snapshot c=" {
		t.Errorf("after deleting by key: %s", got)
	}
	if got := del(); got != "" {
		t.Errorf("after deleting all: %s", got)
	}
}

func TestTagRefusals(t *testing.T) {
	l := start(t, Options{})
	snap := *l.snapshot()
	one := []types.Tag{tagOf("a", "1")}
	must(l.ec2.CreateTags(l.ctx, &ec2.CreateTagsInput{Resources: []string{snap}, Tags: manyTags(50)}))(t)
	for _, test := range []struct {
		name string
		in   ec2.CreateTagsInput
		want string
	}{
		{"snapshot unknown", ec2.CreateTagsInput{Resources: []string{snap, "snap-12345678"}, Tags: one}, "InvalidSnapshot.NotFound 400"},
		{"image unknown", ec2.CreateTagsInput{Resources: []string{"ami-12345678"}, Tags: one}, "InvalidAMIID.NotFound 400"},
		{"id of no kind", ec2.CreateTagsInput{Resources: []string{"hello"}, Tags: one}, "InvalidID 400"},
		{"Amazon's kernel", ec2.CreateTagsInput{Resources: []string{"aki-5c21674b"}, Tags: one}, "UnauthorizedOperation 403"},
		{"nothing to tag", ec2.CreateTagsInput{Resources: []string{}, Tags: one}, "MissingParameter 400"},
		{"no tags", ec2.CreateTagsInput{Resources: []string{snap}, Tags: []types.Tag{}}, "InvalidParameterValue 400"},
		{"51 in all", ec2.CreateTagsInput{Resources: []string{snap}, Tags: one}, "TagLimitExceeded 400"},
		{"tag of AWS", ec2.CreateTagsInput{Resources: []string{snap}, Tags: []types.Tag{tagOf("AWS:x", "1")}}, "InvalidParameterValue 400"},
		{"dry run", ec2.CreateTagsInput{Resources: []string{snap}, Tags: one, DryRun: aws.Bool(true)}, "DryRunOperation 412"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := l.ec2.CreateTags(l.ctx, &test.in)
			wantRefusal(t, err, test.want)
		})
	}
	if got := tagsSeen(t, l, filterBy("key", "a")); got != "" {
		t.Errorf("a refused call tagged: %s", got)
	}
}
