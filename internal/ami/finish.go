package ami

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// A Protection is an AMI's protection from deregistration.
type Protection struct {
	Enabled      bool
	WithCooldown bool // it lasts another 24 hours when it is disabled
}

// Finish gives an available AMI what RegisterImage can't: product codes,
// permissions on it and its snapshots, the time of its deprecation and, last of
// all, its protection. imageID is "" if there are only snapshots.
func (p *Plan) Finish(ctx context.Context, s *cloud.Session, imageID string, snapshotIDs []string) error {
	permissions := p.Permissions
	if imageID == "" {
		permissions = Permissions{SnapshotUsers: permissions.SnapshotUsers, SnapshotGroups: permissions.SnapshotGroups}
	}
	if err := Share(ctx, s, imageID, snapshotIDs, permissions); err != nil || imageID == "" {
		return err
	}
	for _, step := range []struct {
		what   string
		wanted bool
		call   func() error
	}{
		{"associate product codes with", len(p.ProductCodes) > 0, func() error {
			_, err := s.EC2.ModifyImageAttribute(ctx, &ec2.ModifyImageAttributeInput{ImageId: &imageID, Attribute: aws.String("productCodes"), ProductCodes: p.ProductCodes})
			return err
		}},
		{"set the deprecation time of", !p.DeprecateAt.IsZero(), func() error {
			_, err := s.EC2.EnableImageDeprecation(ctx, &ec2.EnableImageDeprecationInput{ImageId: &imageID, DeprecateAt: aws.Time(p.DeprecateAt)})
			return err
		}},
		{"enable deregistration protection of", p.Protection.Enabled, func() error {
			_, err := s.EC2.EnableImageDeregistrationProtection(ctx, &ec2.EnableImageDeregistrationProtectionInput{ImageId: &imageID, WithCooldown: aws.Bool(p.Protection.WithCooldown)})
			return err
		}},
	} {
		if !step.wanted {
			continue
		}
		err := s.Waits.Retry(ctx, func() (bool, error) {
			err := step.call()
			return cloud.HasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable") || cloud.IsTransient(err), err
		})
		if err != nil {
			return fmt.Errorf("%s %s: %w", step.what, imageID, err)
		}
	}
	return nil
}

// isProtected reports whether EC2 would refuse to deregister an AMI. EC2 has
// several words for protected AMIs and one for all others.
func isProtected(image types.Image) bool {
	state := aws.ToString(image.DeregistrationProtection)
	return state != "" && state != "disabled"
}

// unprotect disables the protection of an AMI that a build of this project has
// made, and reports whether it did. One with a cooldown lasts another 24 hours.
func unprotect(ctx context.Context, s *cloud.Session, id string) bool {
	images, err := Describe(ctx, s, &ec2.DescribeImagesInput{ImageIds: []string{id}})
	if err != nil || len(images) == 0 || buildOf(images[0].Tags) == "" || !strings.HasPrefix(aws.ToString(images[0].DeregistrationProtection), "enabled") {
		return false
	}
	_, err = s.EC2.DisableImageDeregistrationProtection(ctx, &ec2.DisableImageDeregistrationProtectionInput{ImageId: &id})
	return err == nil
}
