package template

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query/shapetest"
)

func TestShapes(t *testing.T) {
	data := &types.RequestLaunchTemplateData{ImageId: aws.String("ami-1")}
	shapetest.Check(t, []shapetest.Shape{
		{Answer: &createResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: aws.String("web"), LaunchTemplateData: data})
		}},
		{Answer: &createVersionResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.CreateLaunchTemplateVersion(ctx, &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateName: aws.String("web"), LaunchTemplateData: data})
		}},
		{Answer: &describeVersionsResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{})
		}},
	})
}
