package localec2

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

func TestPages(t *testing.T) {
	l := start(t, Options{})
	var want []string
	for i := range 13 {
		id := l.begin()
		want = append(want, *id)
		must(l.ec2.CreateTags(l.ctx, &ec2.CreateTagsInput{Resources: []string{*id}, Tags: []types.Tag{tagOf("n", fmt.Sprint(i))}}))(t)
	}
	slices.Sort(want)
	var got []string
	pages := ec2.NewDescribeSnapshotsPaginator(l.ec2, &ec2.DescribeSnapshotsInput{MaxResults: aws.Int32(5)})
	for pages.HasMorePages() {
		out := must(pages.NextPage(l.ctx))(t)
		if len(out.Snapshots) > 5 {
			t.Errorf("a page of %d", len(out.Snapshots))
		}
		for _, sn := range out.Snapshots {
			got = append(got, *sn.SnapshotId)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}
	n := 0
	tags := ec2.NewDescribeTagsPaginator(l.ec2, &ec2.DescribeTagsInput{MaxResults: aws.Int32(6)})
	for tags.HasMorePages() {
		n += len(must(tags.NextPage(l.ctx))(t).Tags)
	}
	if n != 13 {
		t.Errorf("%d tags on all pages, want 13", n)
	}
	first := must(l.ec2.DescribeSnapshots(l.ctx, &ec2.DescribeSnapshotsInput{MaxResults: aws.Int32(5)}))(t)
	_, err := l.as("us-west-2", "AKIATEST").ec2.DescribeSnapshots(l.ctx, &ec2.DescribeSnapshotsInput{NextToken: first.NextToken})
	wantRefusal(t, err, "InvalidPaginationToken 400")
}

func TestDescribeRegionsAndZones(t *testing.T) {
	l := start(t, Options{})
	count := func(in *ec2.DescribeRegionsInput) int {
		return len(must(l.ec2.DescribeRegions(l.ctx, in))(t).Regions)
	}
	if plain, all := count(&ec2.DescribeRegionsInput{}), count(&ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)}); plain != 17 || all != 21 {
		t.Errorf("%d regions, %d with those not opted in; want 17 and 21", plain, all)
	}
	one := must(l.ec2.DescribeRegions(l.ctx, &ec2.DescribeRegionsInput{RegionNames: []string{"eu-west-1"}}))(t).Regions
	want := []types.Region{{RegionName: aws.String("eu-west-1"), Endpoint: aws.String("ec2.eu-west-1.amazonaws.com"), OptInStatus: aws.String("opt-in-not-required")}}
	if diff := cmp.Diff(want, one, quiet); diff != "" {
		t.Errorf("eu-west-1 (-want +got):\n%s", diff)
	}
	_, err := l.ec2.DescribeRegions(l.ctx, &ec2.DescribeRegionsInput{RegionNames: []string{"us-moon-1"}})
	wantRefusal(t, err, "InvalidParameterValue 400")

	zones := must(l.ec2.DescribeAvailabilityZones(l.ctx, &ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{"us-east-1b"}}))(t).AvailabilityZones
	if len(zones) != 1 || *zones[0].ZoneId != "use1-az2" || zones[0].State != "available" || *zones[0].ZoneType != "availability-zone" {
		t.Errorf("us-east-1b is %+v", zones)
	}
	_, err = l.ec2.DescribeAvailabilityZones(l.ctx, &ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{"us-west-1a"}})
	wantRefusal(t, err, "InvalidParameterValue 400")
}
