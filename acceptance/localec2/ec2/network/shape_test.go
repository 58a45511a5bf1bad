package network

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query/shapetest"
)

func TestShapes(t *testing.T) {
	shapetest.Check(t, []shapetest.Shape{
		{Answer: &describeVPCsResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
		}},
		{Answer: &createVPCResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
		}},
		{Answer: &describeSubnetsResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
		}},
		{Answer: &createSubnetResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: aws.String("vpc-1")})
		}},
		{Answer: &describeGatewaysResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{})
		}},
		{Answer: &createGatewayResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})
		}},
		{Answer: &describeRoutesResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{})
		}},
		{Answer: &describeGroupsResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{})
		}},
		{Answer: &createGroupResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("x"), Description: aws.String("x")})
		}},
		{Answer: &authorizeResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{})
		}},
		{Answer: &describeInterfacesResponse{}, Call: func(ctx context.Context, c *ec2.Client) (any, error) {
			return c.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{})
		}},
	})
}
