package ami

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// A LocalDisk is the source's disk on this machine, for [Upload].
type LocalDisk struct {
	io.ReaderAt
	Blocks []disk.Block
}

// Fetch reads the source's disk into a file. It refuses a disk that isn't the one
// in the AMI's tags.
func (s *Source) Fetch(ctx context.Context, file interface {
	io.ReaderAt
	io.WriterAt
}) (*LocalDisk, error) {
	blocks, err := s.Stored.Save(ctx, file)
	if err != nil {
		return nil, err
	}
	if want := s.Tag(cloud.ContentTag); want != "" && want != snapshot.Content(blocks) {
		return nil, fmt.Errorf("%s doesn't hold the disk of %s: its content differs from the tag %s", s.snapshotID(), aws.ToString(s.Image.ImageId), cloud.ContentTag)
	}
	return &LocalDisk{file, blocks}, nil
}

// A Copier makes planned copies.
type Copier struct {
	Disk    *LocalDisk        // for [Upload]
	Workers int               // that send its blocks to one region
	Step    func(step string) // called when a copy begins its next step
}

// Copy makes a planned copy, waits until it is available, and returns it.
func (c *Copier) Copy(ctx context.Context, p *CopyPlan, ledger *cloud.Ledger) (types.Image, error) {
	run := c.copyImage
	if p.Method == Upload {
		run = c.upload
	}
	id, err := run(ctx, p, ledger)
	if err != nil {
		return types.Image{}, fmt.Errorf("copy to %s: %w", p.Session.Region, err)
	}
	image, err := p.check(ctx, id)
	if err != nil {
		return types.Image{}, fmt.Errorf("check %s in %s: %w", id, p.Session.Region, err)
	}
	return image, nil
}

func (c *Copier) upload(ctx context.Context, p *CopyPlan, ledger *cloud.Ledger) (string, error) {
	c.Step("uploading")
	method := &snapshot.EBSDirect{Session: p.Session, Workers: c.Workers, Progress: func(done, total int64) {
		if done == total {
			c.Step("completing the snapshot")
		}
	}}
	snapshotID, err := method.Create(ctx, snapshot.Request{
		BuildID: p.BuildID, Description: "unikernel " + p.Name, Tags: p.SnapshotTags(),
		VolumeSize: aws.ToInt32(p.Source.Root.Ebs.VolumeSize), Disk: c.Disk, Blocks: c.Disk.Blocks,
	}, ledger)
	if err != nil {
		return "", err
	}
	c.Step("registering")
	id, err := ledger.Create(ctx, resource{p.Session, p.BuildID, cloud.RoleImage}, func(sent *cloud.Attempts) (string, error) {
		return registerImage(ctx, p.Session, p.registration(snapshotID), false, sent)
	})
	if err != nil {
		return "", fmt.Errorf("register %q: %w", p.Name, err)
	}
	return id, waitForImage(ctx, p.Session, id)
}

// registration registers the uploaded disk as the source is, with the kernel of the
// region.
func (p *CopyPlan) registration(snapshotID string) *ec2.RegisterImageInput {
	image, root := &p.Source.Image, *p.Source.Root.Ebs
	root.SnapshotId, root.Encrypted, root.KmsKeyId = aws.String(snapshotID), nil, nil
	input := &ec2.RegisterImageInput{
		Name:                aws.String(p.Name),
		Architecture:        image.Architecture,
		VirtualizationType:  aws.String(string(image.VirtualizationType)),
		RootDeviceName:      image.RootDeviceName,
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: p.Source.Root.DeviceName, Ebs: &root}},
		BootMode:            image.BootMode,
		ImdsSupport:         image.ImdsSupport,
		SriovNetSupport:     image.SriovNetSupport,
		TpmSupport:          image.TpmSupport,
		TagSpecifications:   []types.TagSpecification{{ResourceType: types.ResourceTypeImage, Tags: cloud.SortedTags(p.ImageTags())}},
	}
	if aws.ToBool(image.EnaSupport) {
		input.EnaSupport = image.EnaSupport
	}
	if p.Kernel.ID != "" {
		input.KernelId = aws.String(p.Kernel.ID)
	}
	if p.Description != "" {
		input.Description = aws.String(p.Description)
	}
	return input
}

func (c *Copier) copyImage(ctx context.Context, p *CopyPlan, ledger *cloud.Ledger) (string, error) {
	c.Step("requesting the copy")
	id, err := ledger.Create(ctx, &copyResource{resource: resource{p.Session, p.BuildID, cloud.RoleImage}}, func(sent *cloud.Attempts) (string, error) {
		return c.requestCopy(ctx, p, sent)
	})
	if err != nil {
		return "", err
	}
	c.Step("copying")
	return id, waitForImage(ctx, p.Session, id)
}

// requestCopy repeats the request while too many copies to the region are in
// progress, as long as the copy itself may take.
func (c *Copier) requestCopy(ctx context.Context, p *CopyPlan, sent *cloud.Attempts) (id string, err error) {
	what := "the end of other copies to " + p.Session.Region
	var refused error
	err = p.Session.Waits.Await(ctx, what, p.Session.Waits.Image, func(ctx context.Context) (string, bool, error) {
		answer, err := p.Session.EC2.CopyImage(ctx, p.input(), sent.OnEC2)
		if cloud.HasCode(err, "ResourceLimitExceeded") {
			c.Step("waiting for other copies to end")
			return err.Error(), false, nil
		}
		if refused = err; err == nil {
			id = aws.ToString(answer.ImageId)
		}
		return "", true, nil
	})
	if err != nil {
		return id, err
	}
	return id, refused
}

func (p *CopyPlan) input() *ec2.CopyImageInput {
	input := &ec2.CopyImageInput{
		Name:          aws.String(p.Name),
		SourceImageId: p.Source.Image.ImageId,
		SourceRegion:  aws.String(p.Source.Session.Region),
		ClientToken:   aws.String(p.token()),
		TagSpecifications: []types.TagSpecification{
			{ResourceType: types.ResourceTypeImage, Tags: cloud.SortedTags(p.ImageTags())},
			{ResourceType: types.ResourceTypeSnapshot, Tags: cloud.SortedTags(p.SnapshotTags())},
		},
	}
	if p.Description != "" {
		input.Description = aws.String(p.Description)
	}
	if p.Encrypt {
		input.Encrypted = aws.Bool(true)
	}
	if p.KMSKeyID != "" {
		input.KmsKeyId = aws.String(p.KMSKeyID)
	}
	if p.Minutes != 0 {
		input.SnapshotCopyCompletionDurationMinutes = aws.Int64(p.Minutes)
	}
	return input
}

// token makes CopyImage idempotent within one run.
func (p *CopyPlan) token() string {
	sum := sha256.Sum256([]byte(p.BuildID + "\n" + p.Session.Region))
	return hex.EncodeToString(sum[:])
}

// check describes a finished copy. AWS doesn't document which kernel a copy of a
// paravirtual AMI has, and one of another region doesn't boot.
func (p *CopyPlan) check(ctx context.Context, id string) (types.Image, error) {
	images, err := Describe(ctx, p.Session, &ec2.DescribeImagesInput{ImageIds: []string{id}})
	if err == nil && len(images) == 0 {
		err = errors.New("EC2 no longer lists it")
	}
	if err != nil {
		return types.Image{}, err
	}
	image := images[0]
	if got := aws.ToString(image.KernelId); got != p.Kernel.ID {
		return types.Image{}, fmt.Errorf("its kernel is %q, not the region's PV-GRUB %s: set {CopyMethod} to upload", got, p.Kernel)
	}
	return image, nil
}

// copyResource is the ledger's view of an AMI that EC2 copies. Its snapshots are
// found by their tags: EC2 may not list them with the AMI before it is available.
type copyResource struct {
	resource
	deregistered bool
	snapshots    int // removed so far
}

func (r *copyResource) Describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the AMI and the snapshot with the tag %s=%s in %s, if they exist", cloud.BuildTag, r.build, r.session.Region)
	}
	return fmt.Sprintf("%s and its snapshot (aws ec2 deregister-image --delete-associated-snapshots --region %s --image-id %s)", id, r.session.Region, id)
}

// Remove returns ErrGone, so that it is called again, until both the AMI and a
// snapshot were there to be removed.
func (r *copyResource) Remove(ctx context.Context, id string) error {
	err := r.resource.Remove(ctx, id)
	if err != nil && !errors.Is(err, cloud.ErrGone) {
		return err
	}
	r.deregistered = r.deregistered || err == nil
	removed, err := snapshot.RemoveOf(ctx, r.session, r.build)
	r.snapshots += removed
	if err == nil && (!r.deregistered || r.snapshots == 0) {
		err = cloud.ErrGone
	}
	return err
}
