package ami

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Describe returns all images that input asks for.
func Describe(ctx context.Context, s *cloud.Session, input *ec2.DescribeImagesInput) ([]types.Image, error) {
	return cloud.All(ctx, ec2.NewDescribeImagesPaginator(s.EC2, input), func(page *ec2.DescribeImagesOutput) []types.Image { return page.Images })
}

// Tag sets tags of an AMI. It may be repeated.
func Tag(ctx context.Context, s *cloud.Session, id string, tags map[string]string) error {
	err := s.Waits.Retry(ctx, func() (bool, error) {
		_, err := s.EC2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: cloud.SortedTags(tags)})
		return cloud.HasCode(err, "InvalidAMIID.NotFound") || cloud.IsTransient(err), err
	})
	if err != nil {
		return fmt.Errorf("tag %s: %w", id, err)
	}
	return nil
}
