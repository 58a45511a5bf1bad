package ami

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Soon is the earliest time at which EC2 can deprecate an AMI for sure: it rounds
// to minutes, and rejects the past.
func Soon() time.Time { return time.Now().UTC().Truncate(time.Minute).Add(2 * time.Minute) }

// Deprecate deprecates an AMI from a time on, unless it is deprecated from that
// time or an earlier one already. The change is in the ledger, whose Undo restores
// what was set before. It reports whether it changed anything.
func Deprecate(ctx context.Context, s *cloud.Session, image types.Image, at time.Time, ledger *cloud.Ledger) (bool, error) {
	d := deprecation{s, aws.ToString(image.ImageId), at, time.Time{}}
	if text := aws.ToString(image.DeprecationTime); text != "" {
		before, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return false, fmt.Errorf("deprecate %s: EC2 returned the time %q: %w", d.image, text, err)
		}
		if !before.After(at) {
			return false, nil
		}
		d.before = before
	}
	_, err := ledger.Create(ctx, d, func(sent *cloud.Attempts) (string, error) {
		return d.id(), d.enable(ctx, at, sent.OnEC2)
	})
	if err != nil {
		return false, fmt.Errorf("deprecate %s in %s: %w", d.image, s.Region, err)
	}
	return true, nil
}

// deprecation is the ledger's view of a deprecation.
type deprecation struct {
	session *cloud.Session
	image   string
	at      time.Time
	before  time.Time // what was set before; zero for nothing
}

func (d deprecation) id() string { return "deprecation of " + d.image }

func (d deprecation) enable(ctx context.Context, at time.Time, options ...func(*ec2.Options)) error {
	_, err := d.session.EC2.EnableImageDeprecation(ctx, &ec2.EnableImageDeprecationInput{ImageId: aws.String(d.image), DeprecateAt: aws.Time(at)}, options...)
	return err
}

func (d deprecation) Session() *cloud.Session { return d.session }

func (d deprecation) Describe(string) string {
	return fmt.Sprintf("the %s (aws ec2 disable-image-deprecation --region %s --image-id %s)", d.id(), d.session.Region, d.image)
}

func (d deprecation) Find(ctx context.Context) (string, error) {
	images, err := Describe(ctx, d.session, &ec2.DescribeImagesInput{ImageIds: []string{d.image}, IncludeDeprecated: aws.Bool(true)})
	if err != nil || len(images) == 0 {
		return "", err
	}
	at, err := time.Parse(time.RFC3339, aws.ToString(images[0].DeprecationTime))
	if err != nil || !at.Equal(d.at) {
		return "", nil //nolint:nilerr // an image without a time isn't deprecated
	}
	return d.id(), nil
}

func (d deprecation) Remove(ctx context.Context, _ string) error {
	if !d.before.IsZero() {
		return d.enable(ctx, d.before)
	}
	_, err := d.session.EC2.DisableImageDeprecation(ctx, &ec2.DisableImageDeprecationInput{ImageId: aws.String(d.image)})
	if cloud.HasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable") {
		return cloud.ErrGone
	}
	return err
}
