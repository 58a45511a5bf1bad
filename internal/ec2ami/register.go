package ec2ami

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// rootDevice is where the root volume of a PV image is attached. PV-GRUB takes
// the disk with the lowest number as hd0, and every sd* name counts below
// xvda: any instance-store disk would come before a root called xvda. It is
// also the name that AWS reserves for PV roots
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html).
const rootDevice = "/dev/sda1"

// Register makes an AMI of the snapshot and waits until it is available.
func (s *Session) Register(ctx context.Context, plan *Plan, snapshotID string, ledger *Ledger) (string, error) {
	entry := ledger.intend(&image{s, plan.BuildID})
	var sent attempts
	id, err := s.registerImage(ctx, plan, snapshotID, &sent)
	// RegisterImage has no client token. A repeated request whose first answer
	// was lost is told that the name is taken: by its own AMI.
	id, err = ledger.conclude(ctx, s.Waits, entry, id, sent.refused(err), err)
	if err != nil {
		return "", fmt.Errorf("register %q: %w", plan.Name, err)
	}
	return id, s.waitForImage(ctx, id)
}

// registerImage never sends ENA, SR-IOV, boot mode, TPM or IMDS options: they
// are for HVM, and can make the instances of a PV AMI unreachable.
func (s *Session) registerImage(ctx context.Context, plan *Plan, snapshotID string, sent *attempts) (id string, err error) {
	input := &ec2.RegisterImageInput{
		Name:               aws.String(plan.Name),
		Architecture:       types.ArchitectureValues(plan.Architecture),
		VirtualizationType: aws.String(string(types.VirtualizationTypeParavirtual)),
		KernelId:           aws.String(plan.Kernel.ID),
		RootDeviceName:     aws.String(rootDevice),
		BlockDeviceMappings: []types.BlockDeviceMapping{{
			DeviceName: aws.String(rootDevice),
			Ebs: &types.EbsBlockDevice{
				SnapshotId:          aws.String(snapshotID),
				VolumeSize:          aws.Int32(plan.VolumeSize),
				VolumeType:          types.VolumeType(plan.VolumeType),
				DeleteOnTermination: aws.Bool(true),
			},
		}},
		TagSpecifications: []types.TagSpecification{{
			ResourceType: types.ResourceTypeImage,
			Tags:         plan.tags(plan.ImageTags),
		}},
	}
	if plan.Description != "" {
		input.Description = aws.String(plan.Description)
	}
	// A snapshot that DescribeSnapshots calls completed may be unknown to
	// RegisterImage for a moment.
	err = s.Waits.settle(ctx, func() (bool, error) {
		answer, err := s.ec2.RegisterImage(ctx, input, func(o *ec2.Options) { o.APIOptions = append(o.APIOptions, sent.count) })
		if err != nil {
			return hasCode(err, "InvalidSnapshot.NotFound"), err
		}
		id = aws.ToString(answer.ImageId)
		return false, nil
	})
	return id, err
}

func (s *Session) waitForImage(ctx context.Context, id string) error {
	return s.Waits.poll(ctx, id, s.Waits.Image, func(ctx context.Context) (string, bool, error) {
		images, err := s.describeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{id}})
		if hasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable") {
			return "not visible yet", false, nil
		}
		if err != nil || len(images) == 0 {
			return "unknown", false, err
		}
		switch state := images[0].State; state {
		case types.ImageStateAvailable:
			return string(state), true, nil
		case types.ImageStatePending, types.ImageStateTransient:
			return string(state), false, nil
		default:
			return string(state), false, fmt.Errorf("the AMI is %s: %s", state, stateReason(images[0]))
		}
	})
}

func stateReason(image types.Image) string {
	if image.StateReason == nil {
		return "EC2 gives no reason"
	}
	return aws.ToString(image.StateReason.Message)
}

// image is the ledger's view of the build's AMI.
type image struct {
	session *Session
	build   string
}

func (r *image) describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the AMI with the tag %s=%s in %s, if there is one", BuildTag, r.build, r.session.Region)
	}
	return fmt.Sprintf("%s (aws ec2 deregister-image --region %s --image-id %s)", id, r.session.Region, id)
}

func (r *image) find(ctx context.Context) (string, error) {
	images, err := r.session.describeImages(ctx, &ec2.DescribeImagesInput{
		Owners:  []string{"self"},
		Filters: []types.Filter{filter("tag:"+BuildTag, r.build)},
	})
	if err != nil || len(images) == 0 {
		return "", err
	}
	return aws.ToString(images[0].ImageId), nil
}

func (r *image) remove(ctx context.Context, id string) error {
	_, err := r.session.ec2.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: aws.String(id)})
	if hasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable") {
		return errGone
	}
	return err
}
