package ec2ami

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// A LaunchImage is what EC2 says of the AMI that is to be launched.
type LaunchImage struct {
	ID             string
	Name           string
	Owner          string // account
	Architecture   string // for example "x86_64"
	Virtualization string // "paravirtual" or "hvm"
	KernelID       string // "" where it has none, as HVM images
	RootDevice     string // for example "/dev/sda1"
	RootDeviceType string // "ebs" or "instance-store"
	Tags           map[string]string

	ena     bool     // its kernel drives the network cards of Nitro
	lasting []string // devices whose volumes would outlive the instance
}

// planImage looks the AMI up. One that a build has just made may be denied for
// a moment.
func (s *Session) planImage(ctx context.Context, plan *LaunchPlan) error {
	id := plan.ImageID
	var images []types.Image
	err := s.Waits.settle(ctx, func() (_ bool, err error) {
		images, err = s.describeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{id}, IncludeDeprecated: aws.Bool(true)})
		return hasCode(err, "InvalidAMIID.NotFound"), err
	})
	if err != nil && !hasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable") {
		return fmt.Errorf("look up %s: %w", id, err)
	}
	if len(images) == 0 {
		return fmt.Errorf("look up %q: %s has no such AMI: check ami_id and region, as an AMI's id differs from region to region", id, s.Region)
	}
	image := images[0]
	if image.ImageType != types.ImageTypeValuesMachine {
		return fmt.Errorf("look up %s: it is a %s image: ami_id must be an AMI (ami-…)", id, image.ImageType)
	}
	if image.State != types.ImageStateAvailable {
		return fmt.Errorf("look up %s: it is %s: %s; wait until it is available, or take another", id, image.State, stateReason(image))
	}
	plan.Image = newLaunchImage(image)
	return plan.readMemoryLimit()
}

func newLaunchImage(image types.Image) LaunchImage {
	known := LaunchImage{
		ID:             aws.ToString(image.ImageId),
		Name:           imageName(image),
		Owner:          aws.ToString(image.OwnerId),
		Architecture:   string(image.Architecture),
		Virtualization: string(image.VirtualizationType),
		KernelID:       aws.ToString(image.KernelId),
		RootDevice:     aws.ToString(image.RootDeviceName),
		RootDeviceType: string(image.RootDeviceType),
		Tags:           map[string]string{},
		ena:            aws.ToBool(image.EnaSupport),
	}
	for _, tag := range image.Tags {
		known.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	for _, mapping := range image.BlockDeviceMappings {
		if mapping.Ebs != nil && !aws.ToBool(mapping.Ebs.DeleteOnTermination) {
			known.lasting = append(known.lasting, aws.ToString(mapping.DeviceName))
		}
	}
	return known
}

// readMemoryLimit takes the limit from the AMI where the request has none.
func (p *LaunchPlan) readMemoryLimit() error {
	text, tagged := p.Image.Tags[MaxMemoryTag]
	if p.MaxMemoryMiB != 0 || !tagged {
		return nil
	}
	limit, err := strconv.ParseInt(text, 10, 64)
	if err != nil || limit <= 0 {
		return fmt.Errorf("read tag %s of %s: %q is no number of MiB: correct it or delete it", MaxMemoryTag, p.ImageID, text)
	}
	p.MaxMemoryMiB = limit
	return nil
}

// TagImage adds tags to an AMI, or changes them. It may be repeated.
func (s *Session) TagImage(ctx context.Context, id string, tags map[string]string) error {
	err := s.Waits.settle(ctx, func() (bool, error) {
		_, err := s.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: sortedTags(tags)})
		return hasCode(err, "InvalidAMIID.NotFound") || isTransient(err), err
	})
	if err != nil {
		return fmt.Errorf("tag %s: %w", id, err)
	}
	return nil
}

// DeregisterImage takes an AMI of this account back, with its snapshots as far
// as they are this account's and no other AMI of it needs them. Like
// [Ledger.Undo] it doesn't end with ctx, but with the Undo budget, returns what
// was removed, and its error names what is left.
func (s *Session) DeregisterImage(ctx context.Context, id string) (removed []string, err error) {
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Waits.Undo)
	defer cancel()
	var snapshots []string
	err = s.Waits.settle(look, func() (_ bool, err error) {
		snapshots, err = s.ownSnapshots(look, id)
		return errors.Is(err, errGone) || isTransient(err), err
	})
	if err != nil {
		return nil, fmt.Errorf("remove %s: %w", (&image{session: s}).describe(id), err)
	}
	var ledger Ledger
	for _, snapshotID := range snapshots {
		ledger.answered(ledger.intend(&snapshot{session: s}), snapshotID, false)
	}
	ledger.answered(ledger.intend(&image{session: s}), id, false)
	return ledger.Undo(ctx, s.Waits)
}

// ownSnapshots returns the snapshots that go with an AMI, which must be this
// account's.
func (s *Session) ownSnapshots(ctx context.Context, id string) ([]string, error) {
	images, err := s.describeImages(ctx, &ec2.DescribeImagesInput{
		Owners: []string{"self"}, Filters: []types.Filter{filter("image-id", id)},
	})
	if err != nil {
		return nil, err
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("the account has no such AMI in %s; those of others are left alone: %w", s.Region, errGone)
	}
	var own []string
	for _, mapping := range images[0].BlockDeviceMappings {
		if mapping.Ebs == nil || aws.ToString(mapping.Ebs.SnapshotId) == "" {
			continue
		}
		if free, err := s.isFree(ctx, aws.ToString(mapping.Ebs.SnapshotId)); err != nil {
			return nil, err
		} else if free {
			own = append(own, aws.ToString(mapping.Ebs.SnapshotId))
		}
	}
	return own, nil
}

// isFree tells whether a snapshot is this account's and of one AMI only.
func (s *Session) isFree(ctx context.Context, id string) (bool, error) {
	answer, err := s.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"}, Filters: []types.Filter{filter("snapshot-id", id)},
	})
	if err != nil || len(answer.Snapshots) == 0 {
		return false, err
	}
	users, err := s.describeImages(ctx, &ec2.DescribeImagesInput{
		Owners: []string{"self"}, Filters: []types.Filter{filter("block-device-mapping.snapshot-id", id)},
	})
	return len(users) == 1, err
}
