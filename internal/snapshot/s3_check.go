package snapshot

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// importService is the service that must be able to assume the role.
const importService = "vmie.amazonaws.com"

// Check checks the bucket, the role and the permission to import, and creates
// nothing. It returns all problems at once.
func (s *S3Import) Check(ctx context.Context) error {
	return errors.Join(s.checkBucket(ctx), s.checkRole(ctx), s.checkPermission(ctx))
}

// roleTime bounds the look at the role. IAM has one public endpoint, which a network
// that reaches EC2 by private endpoints may not reach at all.
const roleTime = 10 * time.Second

// checkRole checks that the role exists and that VM Import can assume it. A caller
// who may not look at roles, or can't reach IAM, finds out during the import.
func (s *S3Import) checkRole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, roleTime)
	defer cancel()
	answer, err := s.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(s.Role)})
	switch {
	case cloud.HasCode(err, "AccessDenied"):
		s.say("role " + s.Role + ": not checked, because these credentials don't allow iam:GetRole")
		return nil
	case cloud.IsTransient(err):
		s.say("role " + s.Role + ": not checked, because IAM doesn't answer")
		return nil
	case cloud.HasCode(err, "NoSuchEntity"):
		return fmt.Errorf("look up the role for VM Import: {Role} is %q, and the account has no such role: create it as described in https://docs.aws.amazon.com/vm-import/latest/userguide/required-permissions.html, or use another", s.Role)
	case err != nil:
		return fmt.Errorf("look up the role %s: %w", s.Role, err)
	}
	trust, err := url.QueryUnescape(aws.ToString(answer.Role.AssumeRolePolicyDocument))
	if err != nil || !strings.Contains(trust, importService) {
		return fmt.Errorf("look up the role for VM Import: {Role} is %q, and its trust policy doesn't name %s: add it, or use another role", s.Role, importService)
	}
	return nil
}

// checkPermission asks EC2 whether the caller may import, by a dry run. What else a
// dry run finds wrong is wrong with a request that names no object yet.
func (s *S3Import) checkPermission(ctx context.Context) error {
	input := s.importInput(Request{BuildID: "dry-run"}, &object{S3Import: s, key: s.KeyPrefix + "dry-run.raw"})
	input.DryRun, input.Description, input.DiskContainer.Description = aws.Bool(true), nil, nil
	_, err := s.EC2.ImportSnapshot(ctx, input)
	if cloud.HasCode(err, "UnauthorizedOperation") || cloud.IsTransient(err) && !cloud.HasCode(err, "DryRunOperation") {
		return fmt.Errorf("ask for permission to import: %w", err)
	}
	return nil
}
