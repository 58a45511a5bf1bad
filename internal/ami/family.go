package ami

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// A Family is the releases of one AMI: AMIs of this account that this project
// made, for one environment, and whose names differ in their versions only.
type Family struct {
	Name        string // what the names have in common; see [SplitName]
	Environment string // "" for AMIs without an environment
}

// versionTail matches the version at the end of a name: a UUID, or parts that
// begin with a digit, or with v and a digit, each with its separator.
var versionTail = regexp.MustCompile(`(?i)([-_. /@]+[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|([-_. /@]+v?[0-9][0-9a-z]*)+)$`)

// SplitName splits an AMI's name into the family and the version: "web-prod" and
// "1.4.0" for web-prod-1.4.0. A name without a version is a family of its own.
func SplitName(name string) (family, version string) {
	at := versionTail.FindStringIndex(name)
	if at == nil || at[0] == 0 {
		return name, ""
	}
	return name[:at[0]], strings.TrimLeft(name[at[0]:], "-_. /@")
}

// Releases returns the AMIs of a family that exist in a region, newest first.
func (f Family) Releases(ctx context.Context, s *cloud.Session) ([]types.Image, error) {
	filters := []types.Filter{cloud.Filter("name", f.Name+"*"), cloud.Filter("tag:"+cloud.RoleTag, cloud.RoleImage), cloud.Filter("tag-key", cloud.BuildTag)}
	if f.Environment != "" {
		filters = append(filters, cloud.Filter("tag:"+cloud.EnvironmentTag, f.Environment))
	}
	images, err := Describe(ctx, s, &ec2.DescribeImagesInput{Owners: []string{"self"}, IncludeDeprecated: aws.Bool(true), Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("look up the AMIs of %q in %s: %w", f.Name, s.Region, err)
	}
	images = slices.DeleteFunc(images, func(image types.Image) bool { return !f.has(image) })
	slices.SortFunc(images, func(a, b types.Image) int {
		return strings.Compare(aws.ToString(b.CreationDate), aws.ToString(a.CreationDate)) // ISO 8601, in UTC
	})
	return images, nil
}

func (f Family) has(image types.Image) bool {
	family, _ := SplitName(aws.ToString(image.Name))
	return family == f.Name && TagOf(image.Tags, cloud.EnvironmentTag) == f.Environment
}

// TagOf returns the value of a tag, or "".
func TagOf(tags []types.Tag, key string) string {
	for _, tag := range tags {
		if aws.ToString(tag.Key) == key {
			return aws.ToString(tag.Value)
		}
	}
	return ""
}

// Older returns the releases that are older than an AMI of the family. The
// releases are sorted, newest first.
func Older(releases []types.Image, id string) []types.Image {
	i := slices.IndexFunc(releases, func(image types.Image) bool { return aws.ToString(image.ImageId) == id })
	if i < 0 {
		return nil
	}
	var older []types.Image
	for _, image := range releases[i+1:] {
		if aws.ToString(image.CreationDate) < aws.ToString(releases[i].CreationDate) {
			older = append(older, image)
		}
	}
	return older
}

// SnapshotIDs returns an image's snapshots.
func SnapshotIDs(image types.Image) []string {
	var ids []string
	for _, mapping := range image.BlockDeviceMappings {
		if mapping.Ebs != nil && aws.ToString(mapping.Ebs.SnapshotId) != "" {
			ids = append(ids, aws.ToString(mapping.Ebs.SnapshotId))
		}
	}
	return ids
}
