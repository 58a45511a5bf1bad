package instance

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// groupName is the name of a launch's temporary group. Within a VPC names are
// unique, so that a request which is repeated makes no second one.
func groupName(run string) string { return "unikernel-" + run }

// createGroup makes the temporary group.
func createGroup(ctx context.Context, s *cloud.Session, plan *Plan, ledger *cloud.Ledger) (string, error) {
	// A repeated request whose first answer was lost is told that there is a
	// group of that name: its own.
	id, err := ledger.Create(ctx, securityGroup{s, plan.RunID}, func(sent *cloud.Attempts) (string, error) {
		answer, err := s.EC2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
			GroupName:   aws.String(groupName(plan.RunID)),
			Description: aws.String("Temporary: opens the ports of a test and goes with its instance"),
			VpcId:       aws.String(plan.VPC),
			TagSpecifications: []types.TagSpecification{
				{ResourceType: types.ResourceTypeSecurityGroup, Tags: plan.tags(cloud.RoleGroup)},
			},
		}, sent.OnEC2)
		if err != nil {
			return "", err
		}
		return aws.ToString(answer.GroupId), nil
	})
	if err != nil {
		return "", fmt.Errorf("create security group: %w", err)
	}
	return id, openPorts(ctx, s, id, plan.openings)
}

// openPorts adds the rules. A group that has just been made may be denied for a
// moment, and a rule is there already where an earlier answer was lost.
func openPorts(ctx context.Context, s *cloud.Session, id string, rules []types.IpPermission) error {
	if len(rules) == 0 {
		return nil
	}
	err := s.Waits.Retry(ctx, func() (bool, error) {
		_, err := s.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String(id), IpPermissions: rules,
		})
		return cloud.HasCode(err, "InvalidGroup.NotFound"), err
	})
	if err != nil && !cloud.HasCode(err, "InvalidPermission.Duplicate") {
		return fmt.Errorf("open ports in %s: %w", id, err)
	}
	return nil
}

// securityGroup is the ledger's view of a launch's temporary group.
type securityGroup struct {
	session *cloud.Session
	run     string
}

func (r securityGroup) Session() *cloud.Session { return r.session }

func (r securityGroup) Describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the security group with the tag %s=%s in %s, if there is one", cloud.BuildTag, r.run, r.session.Region)
	}
	return fmt.Sprintf("%s (when its instance has ended: aws ec2 delete-security-group --region %s --group-id %s)", id, r.session.Region, id)
}

func (r securityGroup) Find(ctx context.Context) (string, error) {
	found, err := describeGroups(ctx, r.session, cloud.Made(r.run, cloud.RoleGroup)...)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return aws.ToString(found[0].GroupId), nil
}

func describeGroups(ctx context.Context, s *cloud.Session, filters ...types.Filter) ([]types.SecurityGroup, error) {
	return cloud.All(ctx, ec2.NewDescribeSecurityGroupsPaginator(s.EC2, &ec2.DescribeSecurityGroupsInput{Filters: filters}),
		func(page *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return page.SecurityGroups })
}

func (r securityGroup) RemovalTime() time.Duration { return r.session.Waits.Release }

// Remove waits until the group is in use no more.
func (r securityGroup) Remove(ctx context.Context, id string) error {
	waits := r.session.Waits
	return waits.Await(ctx, id, waits.Release, func(ctx context.Context) (string, bool, error) {
		_, err := r.session.EC2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(id)})
		switch {
		case cloud.HasCode(err, "InvalidGroup.NotFound"):
			return "", false, cloud.ErrGone
		case cloud.HasCode(err, "DependencyViolation", "InvalidGroup.InUse"):
			return cloud.ErrInUse.Error(), false, nil
		}
		return "", err == nil, err
	})
}
