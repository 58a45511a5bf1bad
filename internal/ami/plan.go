// Package ami plans, registers, tags and removes AMIs. [NewPlan] checks everything
// that can be checked before the first byte is uploaded: credentials, the PV-GRUB
// kernel image (AKI), whether the region runs PV instances, and whether the AMI's
// name is free.
package ami

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	Volume                             // the root's; its size is set
	Devices          []Device          // besides the root
	Encrypt          Encryption        // what is wanted of the snapshots that the build makes
	Permissions      Permissions       // to give when the AMI is available
	ProductCodes     []string          // to associate with the AMI
	DeprecateAt      time.Time         // zero for never
	Protection       Protection        // from deregistration
	Replace          bool              // an AMI of the same name, if there is one
	Reuse            bool              // an AMI of the same name and contents is the result
	SnapshotOnly     bool              // make no AMI
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
	Account    string
	Region     string
	Kernel     AKI
	Encryption PlannedEncryption
	Replaces   string // the AMI that has the name; "" for none
	Reused     *Existing
}

// NewPlan asks AWS everything that can be asked without creating anything, and
// returns all problems at once.
func NewPlan(ctx context.Context, s *cloud.Session, request Request) (*Plan, error) {
	plan := &Plan{Request: request, Region: s.Region}
	var err error
	plan.Account, err = s.Preflight(ctx, func(ctx context.Context) error {
		return errors.Join(plan.planVolumes(ctx, s), plan.planBoot(ctx, s), plan.planName(ctx, s))
	})
	if err != nil {
		return nil, err
	}
	return plan, nil
}

// planVolumes checks the root volume, the other devices, and their encryption.
func (p *Plan) planVolumes(ctx context.Context, s *cloud.Session) (err error) {
	root := p.Volume
	errs := append(root.Check(true), CheckRoot(p.Virtualization, p.RootDevice))
	errs = append(errs, CheckDevices(p.Virtualization, p.RootDevice, p.Devices)...)
	p.Encryption, err = planEncryption(ctx, s, p.Request)
	return errors.Join(append(errs, err, p.checkSnapshots(ctx, s))...)
}

// planBoot finds the kernel, and checks that the region can run the AMI.
func (p *Plan) planBoot(ctx context.Context, s *cloud.Session) (err error) {
	switch {
	case p.Virtualization == paravirtual:
		p.Kernel, err = kernel(ctx, s, p.Request)
		return errors.Join(checkPVInstances(ctx, s, p.encrypted()), err)
	case p.XenOnly:
		return checkXenInstances(ctx, s)
	}
	return nil
}

// encrypted reports whether any volume of an instance will be encrypted.
func (p *Plan) encrypted() bool {
	return p.Encryption.Encrypted || slices.ContainsFunc(p.Devices, func(d Device) bool { return aws.ToBool(d.Encrypted) })
}

func kernel(ctx context.Context, s *cloud.Session, request Request) (AKI, error) {
	if request.KernelID != "" {
		return findAKI(ctx, s, request.KernelID, request.Architecture)
	}
	return FindPVGRUB(ctx, s, PVGRUB{Architecture: request.Architecture})
}

// checkPVInstances checks that the region has an instance type that runs PV
// images, if need be with encrypted volumes. Some regions list PV-GRUB and have
// none.
func checkPVInstances(ctx context.Context, s *cloud.Session, encrypted bool) error {
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
	if encrypted && !slices.ContainsFunc(found, EncryptsVolumes) {
		return NoEncryptedPVError{s.Region}
	}
	return nil
}

// EncryptsVolumes reports whether an instance type supports encrypted volumes. Of
// those that run PV images, t1, m1, m2 and c1 don't.
func EncryptsVolumes(t types.InstanceTypeInfo) bool {
	return t.EbsInfo == nil || t.EbsInfo.EncryptionSupport != types.EbsEncryptionSupportUnsupported
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

// planName checks that the name is free, or that what has it can be replaced.
// Disabled AMIs keep their names.
func (p *Plan) planName(ctx context.Context, s *cloud.Session) error {
	if p.SnapshotOnly {
		return nil
	}
	images, err := Describe(ctx, s, &ec2.DescribeImagesInput{
		Owners:          []string{"self"},
		IncludeDisabled: aws.Bool(true),
		Filters:         []types.Filter{cloud.Filter("name", p.Name)},
	})
	if err != nil {
		return fmt.Errorf("look up the AMI's name in %s: %w", s.Region, err)
	}
	if len(images) == 0 {
		return nil
	}
	id := aws.ToString(images[0].ImageId)
	if p.Reuse {
		p.Reused, err = p.existing(images[0])
		if err == nil || !p.Replace {
			return err
		}
	}
	if !p.Replace {
		return NameTakenError{Name: p.Name, Region: s.Region, ImageID: id}
	}
	if state := aws.ToString(images[0].DeregistrationProtection); isProtected(images[0]) {
		return ProtectedError{Name: p.Name, Region: s.Region, ImageID: id, State: state}
	}
	p.Replaces = id
	return nil
}
