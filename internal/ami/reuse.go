package ami

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// An Existing is the AMI that an earlier build has made of the same request.
type Existing struct {
	ImageID, SnapshotID, KernelID string
}

// A DifferentError is returned if an AMI has the name, but is not the one that the
// request describes.
type DifferentError struct{ Name, Region, ImageID, What string }

func (e DifferentError) Error() string {
	return fmt.Sprintf("the name %q is taken in %s by %s, whose %s differs", e.Name, e.Region, e.ImageID, e.What)
}

// existing returns an AMI of the same name if it is what the request describes:
// the contents of the disk, how it boots, and the environment.
func (p *Plan) existing(image types.Image) (*Existing, error) {
	id := aws.ToString(image.ImageId)
	for _, one := range []struct{ what, got, want string }{
		{"state", string(image.State), string(types.ImageStateAvailable)},
		{"content (" + cloud.ContentTag + ")", TagOf(image.Tags, cloud.ContentTag), p.Content},
		{"boot method (" + cloud.BootMethodTag + ")", TagOf(image.Tags, cloud.BootMethodTag), p.BootMethod},
		{"environment", TagOf(image.Tags, cloud.EnvironmentTag), p.Environment},
		{"virtualization type", string(image.VirtualizationType), p.Virtualization},
		{"architecture", string(image.Architecture), p.Architecture},
	} {
		if one.got != one.want {
			return nil, DifferentError{Name: p.Name, Region: p.Region, ImageID: id, What: one.what}
		}
	}
	e := &Existing{ImageID: id, KernelID: aws.ToString(image.KernelId)}
	for _, device := range image.BlockDeviceMappings {
		if device.Ebs != nil && aws.ToString(device.DeviceName) == aws.ToString(image.RootDeviceName) {
			e.SnapshotID = aws.ToString(device.Ebs.SnapshotId)
		}
	}
	return e, nil
}
