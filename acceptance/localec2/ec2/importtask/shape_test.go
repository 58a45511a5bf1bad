package importtask

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query/shapetest"
)

func TestShapes(t *testing.T) {
	shapetest.Check(t, []shapetest.Shape{
		{Answer: &importResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.ImportSnapshot(ctx, &ec2.ImportSnapshotInput{})
		}},
		{Answer: &describeResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeImportSnapshotTasks(ctx, &ec2.DescribeImportSnapshotTasksInput{})
		}},
		{Answer: &cancelResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.CancelImportTask(ctx, &ec2.CancelImportTaskInput{ImportTaskId: aws.String("import-snap-1")})
		}},
	})
}
