package ami

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// A CopyRequest describes the copy of an AMI that is wanted in a region.
type CopyRequest struct {
	BuildID          string // identifies what is created; new for each run
	Name             string
	Description      string
	UserImageTags    map[string]string // in addition to those of the source
	UserSnapshotTags map[string]string
	Method           string // [AutoCopy], [CopyImage] or [Upload]
	Encrypt          bool   // with KMSKeyID, or the region's key for EBS if that is ""
	KMSKeyID         string
	Minutes          int64 // in which EC2 completes the copy; 0 for no such promise
}

// A CopyPlan is a request that passed all preflight checks in its region.
type CopyPlan struct {
	CopyRequest // with the chosen method
	Source      *Source
	Session     *cloud.Session // of the region
	Reason      string         // why the method was chosen
	Kernel      AKI            // of a paravirtual copy
	// Existing is an AMI of the same name and content that the region has already;
	// "" if the copy is yet to be made.
	Existing string
}

// PlanCopy asks AWS everything about a region that can be asked without creating
// anything, and returns all problems at once.
func PlanCopy(ctx context.Context, s *cloud.Session, source *Source, request CopyRequest) (*CopyPlan, error) {
	p := &CopyPlan{CopyRequest: request, Source: source, Session: s}
	_, err := s.Preflight(ctx, func(ctx context.Context) error {
		err := p.findExisting(ctx)
		if err == nil && p.Existing != "" {
			return nil
		}
		return errors.Join(err, p.checkTags(), p.checkInstances(ctx), p.choose(ctx))
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// findExisting looks for an AMI of the name. One with the same content is kept.
func (p *CopyPlan) findExisting(ctx context.Context) error {
	images, err := Describe(ctx, p.Session, &ec2.DescribeImagesInput{
		Owners: []string{"self"}, Filters: []types.Filter{cloud.Filter("name", p.Name)},
	})
	if err != nil {
		return fmt.Errorf("look up the AMI's name in %s: %w", p.Session.Region, err)
	}
	for _, image := range images {
		id := aws.ToString(image.ImageId)
		if !p.isCopy(image) {
			return NameTakenError{Name: p.Name, Region: p.Session.Region, ImageID: id}
		}
		p.Existing = id
		p.Kernel.ID = aws.ToString(image.KernelId)
	}
	return nil
}

// isCopy reports whether an image is the copy that is wanted.
func (p *CopyPlan) isCopy(image types.Image) bool {
	content := p.Source.Tag(cloud.ContentTag)
	return content != "" && tagsOf(image)[cloud.ContentTag] == content &&
		image.State == types.ImageStateAvailable &&
		image.VirtualizationType == p.Source.Image.VirtualizationType &&
		(!p.Encrypt || encrypted(image))
}

func encrypted(image types.Image) bool {
	for _, mapping := range image.BlockDeviceMappings {
		if mapping.Ebs != nil && aws.ToBool(mapping.Ebs.Encrypted) {
			return true
		}
	}
	return false
}

// checkInstances checks that the region has instance types that run the AMI.
func (p *CopyPlan) checkInstances(ctx context.Context) error {
	if p.Source.paravirtual() {
		return checkPVInstances(ctx, p.Session, p.Encrypt || encrypted(p.Source.Image))
	}
	switch p.Source.Tag(cloud.BootMethodTag) {
	case "pv-shim", "multiboot":
		return checkXenInstances(ctx, p.Session)
	}
	return nil
}

// choose finds the kernel, and chooses the method.
func (p *CopyPlan) choose(ctx context.Context) (err error) {
	source := p.Source
	facts := copyFacts{
		region:         p.Session.Region,
		otherPartition: partition(p.Session.Region) != partition(source.Session.Region),
		encrypt:        p.Encrypt || encrypted(source.Image),
		timed:          p.Minutes != 0,
		volumes:        source.volumes(),
		unreadable:     source.Unreadable,
	}
	if source.Stored != nil {
		facts.size = source.Stored.Size()
	}
	if source.paravirtual() {
		if p.Kernel, err = sameKernel(ctx, p.Session, source.Kernel); err != nil {
			return err
		}
		if p.Kernel.Name != source.Kernel.Name || source.Kernel.Name == "" {
			facts.kernel = cmp.Or(source.Kernel.Name, source.Kernel.ID)
		}
	}
	p.Method, p.Reason, err = facts.choose(p.Method)
	return err
}

// sameKernel finds the PV-GRUB of a region that has the name of another region's,
// and otherwise the newest.
func sameKernel(ctx context.Context, s *cloud.Session, kernel AKI) (AKI, error) {
	if kernel.Name != "" {
		images, err := Describe(ctx, s, &ec2.DescribeImagesInput{
			Owners: []string{"amazon"}, IncludeDeprecated: aws.Bool(true),
			Filters: []types.Filter{cloud.Filter("name", kernel.Name), cloud.Filter("image-type", "kernel")},
		})
		if err != nil {
			return AKI{}, fmt.Errorf("look up PV-GRUB in %s: %w", s.Region, err)
		}
		for _, image := range images {
			return AKI{aws.ToString(image.ImageId), Name(image), kernel.Architecture}, nil
		}
	}
	return FindPVGRUB(ctx, s, PVGRUB{Architecture: kernel.Architecture})
}

// ImageTags returns all tags of the copy: the source's, the user's, and those by
// which this run finds it again.
func (p *CopyPlan) ImageTags() map[string]string {
	return p.tags(cloud.RoleImage, tagsOf(p.Source.Image), p.UserImageTags)
}

// SnapshotTags returns all tags of the copy's snapshots.
func (p *CopyPlan) SnapshotTags() map[string]string {
	return p.tags(cloud.RoleSnapshot, p.Source.SnapshotTags, p.UserSnapshotTags)
}

func (p *CopyPlan) tags(role string, sources, users map[string]string) map[string]string {
	all := map[string]string{}
	for key, value := range sources {
		if !strings.HasPrefix(key, "aws:") { // nobody else can set Amazon's own
			all[key] = value
		}
	}
	maps.Copy(all, users)
	all[cloud.BuildTag], all[cloud.RoleTag] = p.BuildID, role
	return all
}

func (p *CopyPlan) checkTags() error {
	for what, tags := range map[string]map[string]string{"AMI": p.ImageTags(), "snapshot": p.SnapshotTags()} {
		if len(tags) > cloud.MaxTags {
			return fmt.Errorf("the copied %s would have %d tags, including those of its source: EC2 allows %d, so remove some", what, len(tags), cloud.MaxTags)
		}
	}
	return nil
}
