// Package ami plans, registers, tags and removes AMIs. [NewPlan] asks everything
// that can be asked before the first byte is uploaded: credentials, the PV-GRUB
// kernel image (AKI), whether the region runs PV instances, and whether the
// AMI's name is free.
package ami

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// A Request says which AMI is wanted.
type Request struct {
	BuildID          string // identifies the resources of one build; new for each
	Name             string
	Description      string
	Environment      string            // "" leaves the tag out
	System           string            // the unikernel system, for the tags
	MaxMemoryMiB     int64             // the most that the system stands, for the tags; 0 where no limit is known
	Architecture     string            // "x86_64" or "i386"
	KernelID         string            // an AKI to use instead of the newest PV-GRUB; "" finds it
	VolumeSize       int32             // GiB
	VolumeType       string            // for example "gp2"
	UserImageTags    map[string]string // the user's tags of the AMI
	UserSnapshotTags map[string]string // the user's tags of the snapshot
	Content          string            // stands for what the disk holds, for the tags
}

// A Plan is a request that nothing known stands against.
type Plan struct {
	Request
	Account string
	Region  string
	Kernel  AKI
}

// NewPlan asks AWS everything that can be asked without creating anything, and
// returns all that stands against the request at once.
func NewPlan(ctx context.Context, s *cloud.Session, request Request) (*Plan, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Waits.Plan,
		fmt.Errorf("AWS has not answered within %s", s.Waits.Plan))
	defer cancel()

	account, err := s.Account(ctx)
	if err != nil {
		return nil, s.Explain(ctx, err)
	}
	kernel, kernelErr := kernel(ctx, s, request)
	err = errors.Join(checkPVInstances(ctx, s), kernelErr, checkNameFree(ctx, s, request.Name))
	if err != nil {
		return nil, s.Explain(ctx, err)
	}
	return &Plan{Request: request, Account: account, Region: s.Region, Kernel: kernel}, nil
}

func kernel(ctx context.Context, s *cloud.Session, request Request) (AKI, error) {
	if request.KernelID != "" {
		return findAKI(ctx, s, request.KernelID, request.Architecture)
	}
	return findPVGRUB(ctx, s, request.Architecture)
}

// checkPVInstances asks whether the region has any instance type that runs PV
// images. Some regions list PV-GRUB and have none.
func checkPVInstances(ctx context.Context, s *cloud.Session) error {
	answer, err := s.EC2.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{
		Filters: []types.Filter{cloud.Filter("supported-virtualization-type", "paravirtual")},
	})
	if err != nil {
		return fmt.Errorf("look up pv instance types in %s: %w", s.Region, err)
	}
	if len(answer.InstanceTypes) == 0 && answer.NextToken == nil {
		return NoPVError{s.Region}
	}
	return nil
}

func checkNameFree(ctx context.Context, s *cloud.Session, name string) error {
	images, err := Describe(ctx, s, &ec2.DescribeImagesInput{
		Owners:  []string{"self"},
		Filters: []types.Filter{cloud.Filter("name", name)},
	})
	if err != nil {
		return fmt.Errorf("look up the AMI's name in %s: %w", s.Region, err)
	}
	for _, image := range images {
		return NameTakenError{Name: name, Region: s.Region, ImageID: aws.ToString(image.ImageId)}
	}
	return nil
}

// ImageTags are all tags of the AMI.
func (r *Request) ImageTags() map[string]string { return r.tags(cloud.RoleImage, r.UserImageTags) }

// SnapshotTags are all tags of the snapshot.
func (r *Request) SnapshotTags() map[string]string {
	return r.tags(cloud.RoleSnapshot, r.UserSnapshotTags)
}

// tags joins the user's tags with those that this project sets.
func (r *Request) tags(role string, users map[string]string) map[string]string {
	all := maps.Clone(users)
	if all == nil {
		all = map[string]string{}
	}
	if r.Environment != "" {
		all[cloud.EnvironmentTag] = r.Environment
	}
	all[cloud.BuildTag], all[cloud.RoleTag], all[cloud.SystemTag], all[cloud.ContentTag] = r.BuildID, role, r.System, r.Content
	if r.MaxMemoryMiB != 0 {
		all[cloud.MaxMemoryTag] = strconv.FormatInt(r.MaxMemoryMiB, 10)
	}
	return all
}
