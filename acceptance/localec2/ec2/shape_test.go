package ec2

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query/shapetest"
)

func TestShapes(t *testing.T) {
	shapetest.Check(t, []shapetest.Shape{
		{Answer: &describeTagsResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeTags(ctx, &ec2.DescribeTagsInput{})
		}},
		{Answer: &describeRegionsResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
		}},
		{Answer: &describeZonesResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
		}},
	})
}
