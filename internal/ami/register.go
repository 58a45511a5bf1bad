package ami

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// PVRootDevice is the device name of the root volume of a PV image. PV-GRUB
// takes the disk with the lowest number as hd0, and every sd* name counts below
// xvda: any instance-store disk would come before a root called xvda. It is
// also the name that AWS reserves for PV roots
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html).
const PVRootDevice = "/dev/sda1"

// A Registration is everything that EC2 is told about a new AMI.
type Registration struct {
	BuildID        string // identifies the resources of one build
	Name           string
	Description    string
	Architecture   string // "x86_64" or "i386"
	Virtualization string // "paravirtual" or "hvm"
	KernelID       string // the AKI; "" for none, as for all hvm images
	HVM            HVMOptions
	RootDevice     string // for example [PVRootDevice]
	SnapshotID     string
	Volume                           // the root's
	Devices        []Device          // besides the root
	Tags           map[string]string // all of them
	replaces       bool              // an AMI that had the name was just deregistered
}

// Registration returns the registration of the planned AMI with a snapshot of
// its disk.
func (p *Plan) Registration(snapshotID string) Registration {
	return Registration{
		BuildID:        p.BuildID,
		Name:           p.Name,
		Description:    p.Description,
		Architecture:   p.Architecture,
		Virtualization: p.Virtualization,
		KernelID:       p.Kernel.ID,
		HVM:            p.HVM,
		RootDevice:     p.RootDevice,
		SnapshotID:     snapshotID,
		Volume:         p.Volume,
		Devices:        p.Devices,
		Tags:           p.ImageTags(),
	}
}

// Register makes an AMI and waits until it is available.
func Register(ctx context.Context, s *cloud.Session, r Registration, ledger *cloud.Ledger) (string, error) {
	// RegisterImage has no client token. A repeated request whose first answer
	// was lost is told that the name is taken: by its own AMI.
	id, err := ledger.Create(ctx, resource{s, r.BuildID, r.Tags[cloud.RoleTag]}, func(sent *cloud.Attempts) (string, error) {
		return registerImage(ctx, s, r.input(), r.replaces, sent)
	})
	if err != nil {
		return "", fmt.Errorf("register %q: %w", r.Name, err)
	}
	return id, waitForImage(ctx, s, id)
}

// input has ENA, SR-IOV, boot mode and IMDS options only as far as they are asked
// for: they can make the instances of a Xen guest unreachable.
func (r *Registration) input() *ec2.RegisterImageInput {
	input := &ec2.RegisterImageInput{
		Name:                aws.String(r.Name),
		Architecture:        types.ArchitectureValues(r.Architecture),
		VirtualizationType:  aws.String(r.Virtualization),
		RootDeviceName:      aws.String(r.RootDevice),
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String(r.RootDevice), Ebs: r.ebs(r.SnapshotID)}},
		TagSpecifications: []types.TagSpecification{{
			ResourceType: types.ResourceTypeImage,
			Tags:         cloud.SortedTags(r.Tags),
		}},
	}
	for _, d := range r.Devices {
		input.BlockDeviceMappings = append(input.BlockDeviceMappings, d.mapping())
	}
	if r.KernelID != "" {
		input.KernelId = aws.String(r.KernelID)
	}
	if r.HVM.ENA {
		input.EnaSupport = aws.Bool(true)
	}
	if r.HVM.SRIOV {
		input.SriovNetSupport = aws.String("simple")
	}
	input.BootMode, input.ImdsSupport = types.BootModeValues(r.HVM.BootMode), types.ImdsSupportValues(r.HVM.IMDS)
	if r.Description != "" {
		input.Description = aws.String(r.Description)
	}
	return input
}

// registerImage retries while RegisterImage doesn't know the snapshot, which may
// be so for a moment after DescribeSnapshots has called it completed, or while it
// still knows an AMI of the same name that was just deregistered.
func registerImage(ctx context.Context, s *cloud.Session, input *ec2.RegisterImageInput, replaces bool, sent *cloud.Attempts) (id string, err error) {
	err = s.Waits.Retry(ctx, func() (bool, error) {
		answer, err := s.EC2.RegisterImage(ctx, input, sent.OnEC2)
		if err != nil {
			return cloud.HasCode(err, "InvalidSnapshot.NotFound") || replaces && cloud.HasCode(err, "InvalidAMIName.Duplicate"), err
		}
		id = aws.ToString(answer.ImageId)
		return false, nil
	})
	return id, err
}

func waitForImage(ctx context.Context, s *cloud.Session, id string) error {
	return s.Waits.Await(ctx, id, s.Waits.Image, func(ctx context.Context) (string, bool, error) {
		images, err := Describe(ctx, s, &ec2.DescribeImagesInput{ImageIds: []string{id}})
		if cloud.HasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable") {
			return "not visible yet", false, nil
		}
		if err != nil || len(images) == 0 {
			return "unknown", false, err
		}
		switch state := images[0].State; state {
		case types.ImageStateAvailable:
			return string(state), true, nil
		case types.ImageStatePending, types.ImageStateTransient:
			if images[0].StateReason != nil {
				return fmt.Sprintf("%s: %s", state, StateReason(images[0])), false, nil
			}
			return string(state), false, nil
		default:
			return string(state), false, fmt.Errorf("the AMI is %s: %s", state, StateReason(images[0]))
		}
	})
}

// StateReason returns EC2's reason for the state of an image.
func StateReason(image types.Image) string {
	if image.StateReason == nil {
		return "EC2 returned no reason"
	}
	return aws.ToString(image.StateReason.Message)
}

// resource is the ledger's view of an AMI.
type resource struct {
	session *cloud.Session
	build   string
	role    string
}

func (r resource) Session() *cloud.Session { return r.session }

func (r resource) Describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the AMI with the tag %s=%s in %s, if there is one", cloud.BuildTag, r.build, r.session.Region)
	}
	return fmt.Sprintf("%s (aws ec2 deregister-image --region %s --image-id %s)", id, r.session.Region, id)
}

func (r resource) Find(ctx context.Context) (string, error) {
	images, err := Describe(ctx, r.session, &ec2.DescribeImagesInput{
		Owners:  []string{"self"},
		Filters: cloud.RoleFilters(r.build, r.role),
	})
	if err != nil || len(images) == 0 {
		return "", err
	}
	return aws.ToString(images[0].ImageId), nil
}

func (r resource) Remove(ctx context.Context, id string) error {
	_, err := r.session.EC2.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: aws.String(id)})
	if cloud.HasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable") {
		return cloud.ErrGone
	}
	if cloud.IsRefusal(err) && unprotect(ctx, r.session, id) {
		_, err = r.session.EC2.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: aws.String(id)})
	}
	return err
}
