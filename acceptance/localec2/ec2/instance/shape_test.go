package instance

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query/shapetest"
)

func TestShapes(t *testing.T) {
	shapetest.Check(t, []shapetest.Shape{
		{Answer: &getMetadataDefaultsResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.GetInstanceMetadataDefaults(ctx, &ec2.GetInstanceMetadataDefaultsInput{})
		}},
		{Answer: &modifyMetadataDefaultsResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.ModifyInstanceMetadataDefaults(ctx, &ec2.ModifyInstanceMetadataDefaultsInput{})
		}},
		{Answer: &describeInstanceTypesResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{})
		}},
		{Answer: &describeInstancesResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
		}},
		{Answer: &runInstancesResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.RunInstances(ctx, &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
		}},
		{Answer: &describeInstanceStatusResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{})
		}},
		{Answer: &describeOfferingsResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{})
		}},
		{Answer: &changeResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{"i-1"}})
		}},
		{Answer: &getConsoleResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: aws.String("i-1")})
		}},
	})
}
