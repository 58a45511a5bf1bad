// Package ami plans, registers, tags and removes AMIs. [NewPlan] checks everything
// that can be checked before the first byte is uploaded: credentials, the PV-GRUB
// kernel image (AKI), whether the region runs PV instances, and whether the AMI's
// name is free.
package ami

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// A Request describes the AMI that is wanted.
type Request struct {
	BuildID          string // identifies the resources of one build; new for each
	Name             string
	Description      string
	Environment      string            // "" leaves the tag out
	System           string            // the unikernel system, for the tags
	MaxMemoryMiB     int64             // the most that the system supports, for the tags; 0 if no limit is known
	Architecture     string            // "x86_64" or "i386"
	BootMethod       string            // for the tags, for example "pv-grub"
	Shim             string            // for the tags: the version of the PV shim on the disk; "" for none
	Virtualization   string            // "paravirtual" or "hvm"
	XenOnly          bool              // an hvm image without drivers for anything but Xen
	RootDevice       string            // for example [PVRootDevice]
	HVM              HVMOptions        // of an hvm image
	KernelID         string            // an AKI for a paravirtual image instead of the newest PV-GRUB; "" finds it
	VolumeSize       int32             // GiB
	VolumeType       string            // for example "gp2"
	UserImageTags    map[string]string // the user's tags of the AMI
	UserSnapshotTags map[string]string // the user's tags of the snapshot
	Content          string            // identifies the contents of the disk, for the tags
}

// paravirtual is EC2's name for the virtualization type of PV images.
const paravirtual = string(types.VirtualizationTypeParavirtual)

// HVMOptions are those of an hvm image's registration. Zero values leave them out.
type HVMOptions struct {
	ENA      bool   // it has a driver for the network cards of Nitro
	SRIOV    bool   // it has a driver for enhanced networking by ixgbevf
	BootMode string // "legacy-bios", "uefi" or "uefi-preferred"
	IMDS     string // "v2.0" requires version 2 of the metadata service
}

// A Plan is a request that passed all preflight checks.
type Plan struct {
	Request
	Account string
	Region  string
	Kernel  AKI
}

// NewPlan asks AWS everything that can be asked without creating anything, and
// returns all problems at once.
func NewPlan(ctx context.Context, s *cloud.Session, request Request) (*Plan, error) {
	plan := &Plan{Request: request, Region: s.Region}
	var err error
	plan.Account, err = s.Preflight(ctx, func(ctx context.Context) (err error) {
		if request.Virtualization == paravirtual {
			plan.Kernel, err = kernel(ctx, s, request)
			err = errors.Join(checkPVInstances(ctx, s), err)
		} else if request.XenOnly {
			err = checkXenInstances(ctx, s)
		}
		return errors.Join(err, checkNameFree(ctx, s, request.Name))
	})
	if err != nil {
		return nil, err
	}
	return plan, nil
}

func kernel(ctx context.Context, s *cloud.Session, request Request) (AKI, error) {
	if request.KernelID != "" {
		return findAKI(ctx, s, request.KernelID, request.Architecture)
	}
	return FindPVGRUB(ctx, s, PVGRUB{Architecture: request.Architecture})
}

// checkPVInstances checks that the region has an instance type that runs PV
// images. Some regions list PV-GRUB and have none.
func checkPVInstances(ctx context.Context, s *cloud.Session) error {
	pager := ec2.NewDescribeInstanceTypesPaginator(s.EC2, &ec2.DescribeInstanceTypesInput{
		Filters: []types.Filter{cloud.Filter("supported-virtualization-type", "paravirtual")},
	})
	found, err := cloud.All(ctx, pager, func(page *ec2.DescribeInstanceTypesOutput) []types.InstanceTypeInfo { return page.InstanceTypes })
	if err != nil {
		return fmt.Errorf("look up pv instance types in %s: %w", s.Region, err)
	}
	if len(found) == 0 {
		return NoPVError{s.Region}
	}
	return nil
}

// checkXenInstances checks that the region has an instance type on which Xen runs
// hvm images: regions opened since 2019 have none.
func checkXenInstances(ctx context.Context, s *cloud.Session) error {
	pager := ec2.NewDescribeInstanceTypesPaginator(s.EC2, &ec2.DescribeInstanceTypesInput{
		Filters: []types.Filter{cloud.Filter("supported-virtualization-type", "hvm"), cloud.Filter("hypervisor", "xen")},
	})
	found, err := cloud.All(ctx, pager, func(page *ec2.DescribeInstanceTypesOutput) []types.InstanceTypeInfo { return page.InstanceTypes })
	if err != nil {
		return fmt.Errorf("look up Xen instance types in %s: %w", s.Region, err)
	}
	if len(found) == 0 {
		return NoXenError{s.Region}
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
