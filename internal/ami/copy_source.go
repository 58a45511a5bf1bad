package ami

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// A Source is an AMI that is to be copied.
type Source struct {
	Session      *cloud.Session
	Image        types.Image
	Root         types.BlockDeviceMapping // with its snapshot
	Kernel       AKI                      // of a paravirtual AMI; only the ID if EC2 no longer lists it
	SnapshotTags map[string]string
	// Stored is the root's snapshot for [Upload]; nil if it can't be read, for the
	// reason in Unreadable.
	Stored     *snapshot.Stored
	Unreadable error
}

// FindSource describes an AMI that is to be copied. With read, it also opens its
// snapshot, so that the disk can be uploaded elsewhere.
func FindSource(ctx context.Context, s *cloud.Session, id string, read bool) (*Source, error) {
	source := &Source{Session: s}
	_, err := s.Preflight(ctx, func(ctx context.Context) error { return source.find(ctx, id, read) })
	if err != nil {
		return nil, err
	}
	return source, nil
}

func (s *Source) find(ctx context.Context, id string, read bool) error {
	images, err := Describe(ctx, s.Session, &ec2.DescribeImagesInput{ImageIds: []string{id}})
	if cloud.HasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable") || err == nil && len(images) == 0 {
		return fmt.Errorf("look up %s: %s has no such AMI: check {ImageID} and {Region}", id, s.Session.Region)
	}
	if err != nil {
		return fmt.Errorf("look up %s in %s: %w", id, s.Session.Region, err)
	}
	s.Image = images[0]
	if state := s.Image.State; state != types.ImageStateAvailable {
		return fmt.Errorf("%s in %s is %s: only an available AMI can be copied", id, s.Session.Region, state)
	}
	if err := s.findRoot(); err != nil {
		return err
	}
	if s.SnapshotTags, err = snapshot.Tags(ctx, s.Session, s.snapshotID()); err != nil {
		return err
	}
	if read {
		s.Stored, s.Unreadable = snapshot.Open(ctx, s.Session, s.snapshotID())
		if s.Unreadable != nil && !cloud.IsRefusal(s.Unreadable) {
			return s.Unreadable
		}
	}
	return s.findKernel(ctx)
}

// findRoot finds the root device. EC2 accepts a mapping of a disk for a root device
// that is its first partition.
func (s *Source) findRoot() error {
	root := aws.ToString(s.Image.RootDeviceName)
	for _, mapping := range s.Image.BlockDeviceMappings {
		name := aws.ToString(mapping.DeviceName)
		if (name == root || name+"1" == root) && mapping.Ebs != nil && aws.ToString(mapping.Ebs.SnapshotId) != "" {
			s.Root = mapping
			return nil
		}
	}
	return fmt.Errorf("%s has no EBS snapshot as its root device: only an EBS-backed AMI can be copied", aws.ToString(s.Image.ImageId))
}

func (s *Source) snapshotID() string { return aws.ToString(s.Root.Ebs.SnapshotId) }

func (s *Source) findKernel(ctx context.Context) error {
	if !s.paravirtual() {
		return nil
	}
	s.Kernel = AKI{ID: aws.ToString(s.Image.KernelId), Architecture: string(s.Image.Architecture)}
	kernel, err := findAKI(ctx, s.Session, s.Kernel.ID, s.Kernel.Architecture)
	if err == nil {
		s.Kernel = kernel
	}
	if cloud.IsTransient(err) {
		return err
	}
	return nil
}

func (s *Source) paravirtual() bool {
	return s.Image.VirtualizationType == types.VirtualizationTypeParavirtual
}

// Name returns the AMI's name.
func (s *Source) Name() string { return Name(s.Image) }

// Description returns the AMI's description.
func (s *Source) Description() string { return aws.ToString(s.Image.Description) }

// Tag returns the value of one of the AMI's tags; "" if it has no such tag.
func (s *Source) Tag(key string) string { return tagsOf(s.Image)[key] }

func tagsOf(image types.Image) map[string]string {
	tags := map[string]string{}
	for _, tag := range image.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}

// volumes is the number of the AMI's snapshots.
func (s *Source) volumes() int {
	n := 0
	for _, mapping := range s.Image.BlockDeviceMappings {
		if mapping.Ebs != nil && aws.ToString(mapping.Ebs.SnapshotId) != "" {
			n++
		}
	}
	return n
}

// A RegionError is returned for a region that can't be used.
type RegionError struct{ Region, Reason string }

func (e RegionError) Error() string { return fmt.Sprintf("region %s %s", e.Region, e.Reason) }

// CheckRegions checks that regions exist and that the account has enabled them. EC2
// knows only those of its own partition, so it skips all others.
func CheckRegions(ctx context.Context, s *cloud.Session, names []string) error {
	answer, err := s.EC2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
	if err != nil {
		return fmt.Errorf("look up the account's regions: %w", err)
	}
	status := map[string]string{}
	for _, region := range answer.Regions {
		status[aws.ToString(region.RegionName)] = aws.ToString(region.OptInStatus)
	}
	var errs []error
	for _, name := range names {
		if partition(name) != partition(s.Region) {
			continue
		}
		switch optIn, known := status[name]; {
		case !known:
			errs = append(errs, RegionError{name, "does not exist: check its spelling"})
		case optIn == "not-opted-in":
			errs = append(errs, RegionError{name, "is not enabled for this account: enable it in the account's settings, or remove it"})
		}
	}
	return errors.Join(errs...)
}

// partition returns the partition of a region: AWS names regions after it.
func partition(region string) string {
	for prefix, name := range map[string]string{"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b", "eusc-": "aws-eusc"} {
		if strings.HasPrefix(region, prefix) {
			return name
		}
	}
	return "aws"
}
