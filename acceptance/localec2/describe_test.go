package localec2

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// imageNames asks for images and returns their names, sorted.
func imageNames(t *testing.T, l *lab, in *ec2.DescribeImagesInput) []string {
	t.Helper()
	names := []string{}
	for _, img := range must(l.ec2.DescribeImages(l.ctx, in))(t).Images {
		names = append(names, *img.Name)
	}
	slices.Sort(names)
	return names
}

type imageFilterTest struct {
	filter types.Filter
	want   string
}

// imageFilterTests are filters on the images web-dev and web-prod.
var imageFilterTests = []imageFilterTest{
	{filterBy("name", "web-*"), "web-dev web-prod"},
	{filterBy("name", "web-???"), "web-dev"},
	{filterBy("name", "WEB-*"), ""},
	{filterBy("name", "web-dev", "web-prod"), "web-dev web-prod"},
	{filterBy("description", `a\*b`), "web-dev"},
	{filterBy("description", `a\?b`), ""},
	{filterBy("architecture", "arm64"), "web-prod"},
	{filterBy("virtualization-type", "paravirtual"), "web-dev"},
	{filterBy("kernel-id", "aki-*"), "web-dev"},
	{filterBy("image-type", "machine"), "web-dev web-prod"},
	{filterBy("state", "available"), "web-dev web-prod"},
	{filterBy("state", "pending"), ""},
	{filterBy("is-public", "false"), "web-dev web-prod"},
	{filterBy("owner-id", "123456789012"), "web-dev web-prod"},
	{filterBy("owner-alias", "amazon"), ""},
	{filterBy("root-device-name", "/dev/sda1"), "web-dev web-prod"},
	{filterBy("root-device-type", "ebs"), "web-dev web-prod"},
	{filterBy("hypervisor", "xen"), "web-dev web-prod"},
	{filterBy("manifest-location", "123456789012/web-dev"), "web-dev"},
	{filterBy("block-device-mapping.device-name", "/dev/sda1"), "web-dev web-prod"},
	{filterBy("block-device-mapping.volume-size", "1"), "web-dev web-prod"},
	{filterBy("block-device-mapping.volume-type", "gp2"), ""},
	{filterBy("block-device-mapping.encrypted", "false"), "web-dev web-prod"},
	{filterBy("block-device-mapping.delete-on-termination", "true"), "web-dev web-prod"},
	{filterBy("tag:Environment", "dev"), "web-dev"},
	{filterBy("tag:Environment", "*"), "web-dev web-prod"},
	{filterBy("tag:Owner", ""), "web-prod"},
	{filterBy("tag-key", "Owner"), "web-prod"},
	{filterBy("tag-value", "prod"), "web-prod"},
	{filterBy("platform", "windows"), ""},
}

func TestDescribeImagesFilters(t *testing.T) {
	l := start(t, Options{})
	snap := l.snapshot()
	in := registration("web-dev", snap)
	in.Description = aws.String("a*b")
	in.TagSpecifications = []types.TagSpecification{{ResourceType: "image", Tags: []types.Tag{tagOf("Environment", "dev")}}}
	must(l.ec2.RegisterImage(l.ctx, in))(t)
	in = registration("web-prod", l.snapshot())
	in.VirtualizationType, in.KernelId, in.Architecture = aws.String("hvm"), nil, "arm64"
	in.TagSpecifications = []types.TagSpecification{{ResourceType: "image", Tags: []types.Tag{tagOf("Environment", "prod"), tagOf("Owner", "")}}}
	must(l.ec2.RegisterImage(l.ctx, in))(t)

	for _, test := range append(imageFilterTests, imageFilterTest{filterBy("block-device-mapping.snapshot-id", *snap), "web-dev"}) {
		got := strings.Join(imageNames(t, l, &ec2.DescribeImagesInput{Owners: []string{"self"}, Filters: []types.Filter{test.filter}}), " ")
		if got != test.want {
			t.Errorf("filter %s=%v: got %q, want %q", *test.filter.Name, test.filter.Values, got, test.want)
		}
	}
	both := &ec2.DescribeImagesInput{Filters: []types.Filter{filterBy("name", "web-*"), filterBy("architecture", "x86_64")}}
	if got := imageNames(t, l, both); !slices.Equal(got, []string{"web-dev"}) {
		t.Errorf("two filters: got %v", got)
	}
}

func TestDescribeImagesOwners(t *testing.T) {
	l := start(t, Options{})
	l.register("mine", l.snapshot())
	kernels := []string{
		"pv-grub-hd00_1.04-i386.gz", "pv-grub-hd00_1.04-x86_64.gz", "pv-grub-hd0_1.04-i386.gz",
		"pv-grub-hd0_1.04-x86_64.gz", "pv-grub-hd0_1.05-i386.gz", "pv-grub-hd0_1.05-x86_64.gz",
	}
	for _, test := range []struct {
		in   ec2.DescribeImagesInput
		want []string
	}{
		{ec2.DescribeImagesInput{Owners: []string{"self"}}, []string{"mine"}},
		{ec2.DescribeImagesInput{Owners: []string{"123456789012"}}, []string{"mine"}},
		{ec2.DescribeImagesInput{Owners: []string{"amazon"}}, kernels},
		{ec2.DescribeImagesInput{Owners: []string{"137112412989"}}, kernels},
		{ec2.DescribeImagesInput{Owners: []string{"aws-marketplace"}}, nil},
		{ec2.DescribeImagesInput{}, append([]string{"mine"}, kernels...)},
		{ec2.DescribeImagesInput{ExecutableUsers: []string{"all"}}, kernels},
		{ec2.DescribeImagesInput{ExecutableUsers: []string{"self"}}, nil},
		{ec2.DescribeImagesInput{ImageIds: []string{"aki-5c21674b"}}, kernels[5:]},
		{ec2.DescribeImagesInput{Owners: []string{"self"}, ImageIds: []string{"aki-5c21674b"}}, nil},
	} {
		got := imageNames(t, l, &test.in)
		if diff := cmp.Diff(test.want, got, quiet); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.in, diff)
		}
	}
}

// TestKernels checks the PV-GRUB kernels that a lookup finds, per region.
func TestKernels(t *testing.T) {
	l := start(t, Options{})
	for region, want := range map[string]int{"us-east-1": 6, "eu-central-1": 4, "us-east-2": 3, "cn-north-1": 2, "eu-north-1": 0} {
		in := &ec2.DescribeImagesInput{Owners: []string{"amazon"}, Filters: []types.Filter{filterBy("name", "pv-grub-*"), filterBy("image-type", "kernel")}}
		if got := imageNames(t, l.as(region, "AKIATEST"), in); len(got) != want {
			t.Errorf("%s has %v, want %d kernels", region, got, want)
		}
	}
	out := must(l.ec2.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{"aki-5c21674b"}}))(t)
	got := out.Images[0]
	if *got.Name != "pv-grub-hd0_1.05-x86_64.gz" || *got.OwnerId != "137112412989" || *got.ImageOwnerAlias != "amazon" ||
		!*got.Public || got.ImageType != "kernel" || got.Architecture != "x86_64" || got.State != "available" {
		t.Errorf("aki-5c21674b is %+v", got)
	}
}

func TestDescribeRefusals(t *testing.T) {
	l := start(t, Options{})
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"filter unknown", l.images(&ec2.DescribeImagesInput{Filters: []types.Filter{filterBy("colour", "red")}}), "InvalidParameterValue 400"},
		{"filter without values", l.images(&ec2.DescribeImagesInput{Filters: []types.Filter{filterBy("name")}}), "InvalidParameterValue 400"},
		{"image unknown", l.images(&ec2.DescribeImagesInput{ImageIds: []string{"ami-12345678"}}), "InvalidAMIID.NotFound 400"},
		{"image malformed", l.images(&ec2.DescribeImagesInput{ImageIds: []string{"hello"}}), "InvalidAMIID.Malformed 400"},
		{"owner malformed", l.images(&ec2.DescribeImagesInput{Owners: []string{"me"}}), "InvalidUserID.Malformed 400"},
		{"page too small", l.images(&ec2.DescribeImagesInput{MaxResults: aws.Int32(0)}), "InvalidParameterValue 400"},
		{"page of ids", l.images(&ec2.DescribeImagesInput{MaxResults: aws.Int32(5), ImageIds: []string{"aki-5c21674b"}}), "InvalidParameterCombination 400"},
		{"token not ours", l.images(&ec2.DescribeImagesInput{NextToken: aws.String("x")}), "InvalidPaginationToken 400"},
		{"dry run", l.images(&ec2.DescribeImagesInput{DryRun: aws.Bool(true)}), "DryRunOperation 412"},
		{"snapshot unknown", l.snapshots(&ec2.DescribeSnapshotsInput{SnapshotIds: []string{"snap-12345678"}}), "InvalidSnapshot.NotFound 400"},
		{"snapshot malformed", l.snapshots(&ec2.DescribeSnapshotsInput{SnapshotIds: []string{"12345678"}}), "InvalidParameterValue 400"},
		{"snapshot page too small", l.snapshots(&ec2.DescribeSnapshotsInput{MaxResults: aws.Int32(4)}), "InvalidParameterValue 400"},
		{"snapshot filter unknown", l.snapshots(&ec2.DescribeSnapshotsInput{Filters: []types.Filter{filterBy("name", "x")}}), "InvalidParameterValue 400"},
		{"snapshot dry run", l.snapshots(&ec2.DescribeSnapshotsInput{DryRun: aws.Bool(true)}), "DryRunOperation 412"},
	} {
		if got := refusal(test.err); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func (l *lab) images(in *ec2.DescribeImagesInput) error {
	_, err := l.ec2.DescribeImages(l.ctx, in)
	return err
}

func (l *lab) snapshots(in *ec2.DescribeSnapshotsInput) error {
	_, err := l.ec2.DescribeSnapshots(l.ctx, in)
	return err
}

func TestDescribeSnapshots(t *testing.T) {
	l := start(t, Options{})
	done, open := l.snapshot(), l.begin()
	must(l.ec2.CreateTags(l.ctx, &ec2.CreateTagsInput{Resources: []string{*open}, Tags: []types.Tag{tagOf("Name", "open")}}))(t)
	for _, test := range []struct {
		in   ec2.DescribeSnapshotsInput
		want []string
	}{
		{ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}}, []string{*done, *open}},
		{ec2.DescribeSnapshotsInput{OwnerIds: []string{"amazon"}}, nil},
		{ec2.DescribeSnapshotsInput{RestorableByUserIds: []string{"all"}}, nil},
		{ec2.DescribeSnapshotsInput{RestorableByUserIds: []string{"self"}}, []string{*done, *open}},
		{ec2.DescribeSnapshotsInput{Filters: []types.Filter{filterBy("status", "pending")}}, []string{*open}},
		{ec2.DescribeSnapshotsInput{Filters: []types.Filter{filterBy("progress", "100%")}}, []string{*done}},
		{ec2.DescribeSnapshotsInput{Filters: []types.Filter{filterBy("tag:Name", "op*")}}, []string{*open}},
		{ec2.DescribeSnapshotsInput{Filters: []types.Filter{filterBy("volume-size", "1"), filterBy("snapshot-id", *done)}}, []string{*done}},
		{ec2.DescribeSnapshotsInput{Filters: []types.Filter{filterBy("volume-size", "2")}}, nil},
		{ec2.DescribeSnapshotsInput{SnapshotIds: []string{*done}}, []string{*done}},
	} {
		var got []string
		for _, sn := range must(l.ec2.DescribeSnapshots(l.ctx, &test.in))(t).Snapshots {
			got = append(got, *sn.SnapshotId)
		}
		slices.Sort(test.want)
		if diff := cmp.Diff(test.want, got, quiet); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.in, diff)
		}
	}
}
