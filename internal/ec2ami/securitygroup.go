package ec2ami

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// groupName is the name of a launch's temporary group. Within a VPC names are
// unique, so that a request which is repeated makes no second one.
func groupName(run string) string { return "unikernel-" + run }

// createGroup makes the temporary group.
func (s *Session) createGroup(ctx context.Context, plan *LaunchPlan, ledger *Ledger) (string, error) {
	entry := ledger.intend(&securityGroup{s, plan.RunID})
	var sent attempts
	answer, err := s.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName:   aws.String(groupName(plan.RunID)),
		Description: aws.String("Temporary: opens the ports of a test and goes with its instance"),
		VpcId:       aws.String(plan.VPC),
		TagSpecifications: []types.TagSpecification{
			{ResourceType: types.ResourceTypeSecurityGroup, Tags: plan.tags()},
		},
	}, func(o *ec2.Options) { o.APIOptions = append(o.APIOptions, sent.count) })
	id := ""
	if err == nil {
		id = aws.ToString(answer.GroupId)
	}
	// A repeated request whose first answer was lost is told that there is a
	// group of that name: its own.
	id, err = ledger.conclude(ctx, s.Waits, entry, id, sent.refused(err), err)
	if err != nil {
		return "", fmt.Errorf("create security group: %w", err)
	}
	return id, s.openPorts(ctx, id, plan.openings)
}

// openPorts adds the rules. A group that has just been made may be denied for a
// moment, and a rule is there already where an earlier answer was lost.
func (s *Session) openPorts(ctx context.Context, id string, rules []types.IpPermission) error {
	if len(rules) == 0 {
		return nil
	}
	err := s.Waits.settle(ctx, func() (bool, error) {
		_, err := s.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String(id), IpPermissions: rules,
		})
		return hasCode(err, "InvalidGroup.NotFound"), err
	})
	if err != nil && !hasCode(err, "InvalidPermission.Duplicate") {
		return fmt.Errorf("open ports in %s: %w", id, err)
	}
	return nil
}

// securityGroup is the ledger's view of a launch's temporary group.
type securityGroup struct {
	session *Session
	run     string
}

func (r *securityGroup) describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the security group with the tag %s=%s in %s, if there is one", BuildTag, r.run, r.session.Region)
	}
	return fmt.Sprintf("%s (when its instance has ended: aws ec2 delete-security-group --region %s --group-id %s)", id, r.session.Region, id)
}

func (r *securityGroup) find(ctx context.Context) (string, error) {
	answer, err := r.session.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: []types.Filter{filter("tag:"+BuildTag, r.run)},
	})
	if err != nil || len(answer.SecurityGroups) == 0 {
		return "", err
	}
	return aws.ToString(answer.SecurityGroups[0].GroupId), nil
}

func (r *securityGroup) removal(waits Waits) time.Duration { return waits.Release }

// remove waits until the group is in use no more.
func (r *securityGroup) remove(ctx context.Context, id string) error {
	waits := r.session.Waits
	return waits.poll(ctx, id, waits.Release, func(ctx context.Context) (string, bool, error) {
		_, err := r.session.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(id)})
		switch {
		case hasCode(err, "InvalidGroup.NotFound"):
			return "", false, errGone
		case hasCode(err, "DependencyViolation", "InvalidGroup.InUse"):
			return errInUse.Error(), false, nil
		}
		return "", err == nil, err
	})
}
