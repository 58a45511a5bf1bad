package instance

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// An Image is what EC2 knows of the AMI to launch.
type Image struct {
	ID             string
	Name           string
	Owner          string // account
	Architecture   string // for example "x86_64"
	Virtualization string // "paravirtual" or "hvm"
	KernelID       string // "" if it has none, as for hvm images
	RootDevice     string // for example "/dev/sda1"
	RootDeviceType string // "ebs" or "instance-store"
	Tags           map[string]string

	ena         bool     // its kernel drives the network cards of Nitro
	encrypted   bool     // it has encrypted volumes
	keptDevices []string // whose volumes would outlive the instance
}

// planImage looks the AMI up. EC2 may not know one for a moment that a build has
// just made.
func planImage(ctx context.Context, s *cloud.Session, plan *Plan) error {
	id := plan.ImageID
	var images []types.Image
	err := s.Waits.Retry(ctx, func() (_ bool, err error) {
		images, err = ami.Describe(ctx, s, &ec2.DescribeImagesInput{ImageIds: []string{id}, IncludeDeprecated: aws.Bool(true)})
		return cloud.HasCode(err, "InvalidAMIID.NotFound"), err
	})
	if err != nil && !cloud.HasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable") {
		return fmt.Errorf("look up %s: %w", id, err)
	}
	if len(images) == 0 {
		return fmt.Errorf("look up %q: %s has no such AMI: check {ImageID} and the region: an AMI has another ID in each region", id, s.Region)
	}
	image := images[0]
	if image.ImageType != types.ImageTypeValuesMachine {
		return fmt.Errorf("look up %s: it is a %s image: {ImageID} must be an AMI (ami-…)", id, image.ImageType)
	}
	if image.State != types.ImageStateAvailable {
		return fmt.Errorf("look up %s: it is %s: %s; wait until it is available, or use another", id, image.State, ami.StateReason(image))
	}
	plan.Image = newImage(image)
	return plan.readMemoryLimit()
}

func newImage(image types.Image) Image {
	known := Image{
		ID:             aws.ToString(image.ImageId),
		Name:           ami.Name(image),
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
		known.encrypted = known.encrypted || mapping.Ebs != nil && aws.ToBool(mapping.Ebs.Encrypted)
		if mapping.Ebs != nil && !aws.ToBool(mapping.Ebs.DeleteOnTermination) {
			known.keptDevices = append(known.keptDevices, aws.ToString(mapping.DeviceName))
		}
	}
	return known
}

// readMemoryLimit takes the limit from the AMI if the request has none.
func (p *Plan) readMemoryLimit() error {
	text, tagged := p.Image.Tags[cloud.MaxMemoryTag]
	if p.MaxMemoryMiB != 0 || !tagged {
		return nil
	}
	limit, err := strconv.ParseInt(text, 10, 64)
	if err != nil || limit <= 0 {
		return fmt.Errorf("read tag %s of %s: %q is not a number of MiB: correct it or delete it", cloud.MaxMemoryTag, p.ImageID, text)
	}
	p.MaxMemoryMiB = limit
	return nil
}
