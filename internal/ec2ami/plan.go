package ec2ami

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// A Request says which AMI is wanted.
type Request struct {
	BuildID      string // identifies the resources of one build; new for each
	Name         string
	Description  string
	Environment  string            // "" leaves the tag out
	System       string            // the unikernel system, for the tags
	MaxMemoryMiB int64             // the most that the system stands, for the tags; 0 where no limit is known
	Architecture string            // "x86_64" or "i386"
	KernelID     string            // an AKI to use instead of the newest PV-GRUB; "" finds it
	VolumeSize   int32             // GiB
	VolumeType   string            // for example "gp2"
	ImageTags    map[string]string // the user's tags of the AMI
	SnapshotTags map[string]string // the user's tags of the snapshot
	Blocks       []disk.Block      // what the snapshot is to hold, ascending
}

// A Plan is a request that nothing known stands against.
type Plan struct {
	Request
	Account string
	Region  string
	Kernel  AKI
}

// Plan asks AWS everything that can be asked without creating anything, and
// returns all that stands against the request at once.
func (s *Session) Plan(ctx context.Context, request Request) (*Plan, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Waits.Plan,
		fmt.Errorf("AWS has not answered within %s", s.Waits.Plan))
	defer cancel()

	account, err := s.account(ctx)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	kernel, kernelErr := s.kernel(ctx, request)
	err = errors.Join(s.checkPVInstances(ctx), kernelErr, s.checkNameFree(ctx, request.Name))
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return &Plan{Request: request, Account: account, Region: s.Region, Kernel: kernel}, nil
}

// explain adds what the user can't see in an SDK error: that the time was up,
// and that a custom endpoint was asked.
func (s *Session) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if s.endpoint != "" {
		err = fmt.Errorf("%w (the endpoint in use is %s)", err, s.endpoint)
	}
	return err
}

func (s *Session) account(ctx context.Context) (string, error) {
	if _, err := s.credentials.Retrieve(ctx); err != nil {
		return "", fmt.Errorf("find aws credentials: %w: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile, or run where a role is attached", err)
	}
	identity, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("check aws credentials: %w", err)
	}
	return aws.ToString(identity.Account), nil
}

func (s *Session) kernel(ctx context.Context, request Request) (AKI, error) {
	if request.KernelID != "" {
		return s.findAKI(ctx, request.KernelID, request.Architecture)
	}
	return s.findPVGRUB(ctx, request.Architecture)
}

// checkPVInstances asks whether the region has any instance type that runs PV
// images. Some regions list PV-GRUB and have none.
func (s *Session) checkPVInstances(ctx context.Context) error {
	answer, err := s.ec2.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{
		Filters: []types.Filter{filter("supported-virtualization-type", "paravirtual")},
	})
	if err != nil {
		return fmt.Errorf("look up pv instance types in %s: %w", s.Region, err)
	}
	if len(answer.InstanceTypes) == 0 && answer.NextToken == nil {
		return fmt.Errorf("region %s has no instance type that runs PV images: use one that has, for example us-east-1 or eu-west-1", s.Region)
	}
	return nil
}

func (s *Session) checkNameFree(ctx context.Context, name string) error {
	images, err := s.describeImages(ctx, &ec2.DescribeImagesInput{
		Owners:  []string{"self"},
		Filters: []types.Filter{filter("name", name)},
	})
	if err != nil {
		return fmt.Errorf("look up ami_name in %s: %w", s.Region, err)
	}
	for _, image := range images {
		return fmt.Errorf("ami_name %q is taken in %s by %s: EC2 takes each name once; use another, for example with {{timestamp}} or {{uuid}} in it, or deregister that AMI",
			name, s.Region, aws.ToString(image.ImageId))
	}
	return nil
}

// Content is the SHA-256 over the digests of the disk's blocks, which stands
// for what the snapshot holds.
func (r *Request) Content() string {
	h := sha256.New()
	for _, block := range r.Blocks {
		fmt.Fprintf(h, "%d %x\n", block.Index, block.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// tags joins the user's tags with those that this project sets.
func (r *Request) tags(users map[string]string) []types.Tag {
	all := maps.Clone(users)
	if all == nil {
		all = map[string]string{}
	}
	if r.Environment != "" {
		all[EnvironmentTag] = r.Environment
	}
	all[BuildTag], all[SystemTag], all[ContentTag] = r.BuildID, r.System, r.Content()
	if r.MaxMemoryMiB != 0 {
		all[MaxMemoryTag] = strconv.FormatInt(r.MaxMemoryMiB, 10)
	}
	return sortedTags(all)
}
