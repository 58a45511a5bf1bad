package ami

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// A Retention decides which releases of a family are kept. A release is expired
// if neither rule keeps it.
type Retention struct {
	Releases int // how many of the newest are kept; at least 1
	Days     int // releases that are at most as old are kept; 0 for no such rule
}

// Expired returns the releases that are not kept, oldest first. The releases are
// sorted, newest first; the newest is always kept, and so is everything up to the
// AMI that is being released.
func (r Retention) Expired(releases []types.Image, id string, now time.Time) []types.Image {
	older := Older(releases, id)
	kept := max(r.Releases, 1) - (len(releases) - len(older)) // of the older ones
	var expired []types.Image
	for i, image := range older {
		if i >= kept && !r.young(image, now) {
			expired = append(expired, image)
		}
	}
	slices.Reverse(expired)
	return expired
}

// young reports whether the second rule keeps an image.
func (r Retention) young(image types.Image, now time.Time) bool {
	created, err := time.Parse(time.RFC3339, aws.ToString(image.CreationDate))
	return r.Days > 0 && (err != nil || now.Sub(created) <= time.Duration(r.Days)*24*time.Hour)
}

// InUse returns the AMIs among the given ones that instances of the account in a
// region were launched from, running or stopped, and those in the default or the
// latest version of a launch template.
func InUse(ctx context.Context, s *cloud.Session, images []types.Image) (map[string]bool, error) {
	used := map[string]bool{}
	if len(images) == 0 {
		return used, nil
	}
	ids := cloud.Filter("image-id")
	for _, image := range images {
		ids.Values = append(ids.Values, aws.ToString(image.ImageId))
	}
	instances := ec2.NewDescribeInstancesPaginator(s.EC2, &ec2.DescribeInstancesInput{Filters: []types.Filter{
		ids, cloud.Filter("instance-state-name", "pending", "running", "shutting-down", "stopping", "stopped"),
	}})
	found, err := cloud.All(ctx, instances, func(page *ec2.DescribeInstancesOutput) []types.Reservation { return page.Reservations })
	if err != nil {
		return nil, fmt.Errorf("look up instances of earlier AMIs in %s: %w", s.Region, err)
	}
	for _, reservation := range found {
		for _, instance := range reservation.Instances {
			used[aws.ToString(instance.ImageId)] = true
		}
	}
	templates := ec2.NewDescribeLaunchTemplateVersionsPaginator(s.EC2, &ec2.DescribeLaunchTemplateVersionsInput{
		Versions: []string{"$Default", "$Latest"}, Filters: []types.Filter{ids},
	})
	versions, err := cloud.All(ctx, templates, func(page *ec2.DescribeLaunchTemplateVersionsOutput) []types.LaunchTemplateVersion {
		return page.LaunchTemplateVersions
	})
	if err != nil {
		return nil, fmt.Errorf("look up launch templates with earlier AMIs in %s: %w", s.Region, err)
	}
	for _, version := range versions {
		used[aws.ToString(version.LaunchTemplateData.ImageId)] = true
	}
	return used, nil
}
