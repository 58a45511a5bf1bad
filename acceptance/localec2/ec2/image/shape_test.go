package image

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query/shapetest"
)

func TestShapes(t *testing.T) {
	shapetest.Check(t, []shapetest.Shape{
		{Answer: &describeImagesResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeImages(ctx, &ec2.DescribeImagesInput{})
		}},
		{Answer: &describeSnapshotsResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{})
		}},
		{Answer: &registerImageResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.RegisterImage(ctx, &ec2.RegisterImageInput{Name: aws.String("name")})
		}},
		{Answer: &copyImageResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.CopyImage(ctx, &ec2.CopyImageInput{Name: aws.String("name"), SourceImageId: aws.String("ami-1"), SourceRegion: aws.String("us-east-1")})
		}},
		{Answer: &deregisterImageResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: aws.String("ami-1")})
		}},
		{Answer: &describeImageAttributeResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeImageAttribute(ctx, &ec2.DescribeImageAttributeInput{ImageId: aws.String("ami-1"), Attribute: "launchPermission"})
		}},
		{Answer: &publicAccessResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.GetImageBlockPublicAccessState(ctx, &ec2.GetImageBlockPublicAccessStateInput{})
		}},
		{Answer: &describeSnapshotAttributeResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{SnapshotId: aws.String("snap-1"), Attribute: "createVolumePermission"})
		}},
		{Answer: &encryptionByDefaultResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.GetEbsEncryptionByDefault(ctx, &ec2.GetEbsEncryptionByDefaultInput{})
		}},
		{Answer: &defaultKeyResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.GetEbsDefaultKmsKeyId(ctx, &ec2.GetEbsDefaultKmsKeyIdInput{})
		}},
		{Answer: &protectionResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.EnableImageDeregistrationProtection(ctx, &ec2.EnableImageDeregistrationProtectionInput{ImageId: aws.String("ami-1")})
		}},
	})
}
