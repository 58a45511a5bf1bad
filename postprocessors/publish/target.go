package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/parameter"
)

// A target is the AMI of the release in one region.
type target struct {
	config  *Config
	session *cloud.Session
	id      string
	tested  bool // in this build

	image      types.Image
	snapshots  []string
	parameters []string // names
	previous   []types.Image
}

// check asks everything that can be asked in a region, and changes nothing.
func (t *target) check(ctx context.Context) error {
	_, err := t.session.Preflight(ctx, func(ctx context.Context) error {
		if err := t.checkImage(ctx); err != nil {
			return err
		}
		names, err := t.names().render(t.config.SSMParameters)
		t.parameters = names
		return errors.Join(err, t.checkSnapshots(ctx), t.checkPublic(ctx), t.checkPrevious(ctx))
	})
	return err
}

// checkImage finds the image, which must be available, of this account, and
// tested.
func (t *target) checkImage(ctx context.Context) error {
	region := t.session.Region
	images, err := ami.Describe(ctx, t.session, &ec2.DescribeImagesInput{
		Owners: []string{"self"}, Filters: []types.Filter{cloud.Filter("image-id", t.id)}, IncludeDeprecated: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("look up %s in %s: %w", t.id, region, err)
	}
	if len(images) == 0 {
		return fmt.Errorf("%s does not exist in %s, or belongs to another account", t.id, region)
	}
	t.image, t.snapshots = images[0], ami.SnapshotIDs(images[0])
	if t.image.State != types.ImageStateAvailable {
		return fmt.Errorf("%s in %s is %s: publish it when it is available", t.id, region, t.image.State)
	}
	switch result := t.tag(cloud.ResultTag); {
	case t.config.RequireSmokeTest.False() || t.tested || result == passed:
		return nil
	case result == "":
		return fmt.Errorf("%s in %s is not tested: put unikernel-smoke-test before unikernel-publish in the same post-processors block, or set require_smoke_test = false", t.id, region)
	default:
		return fmt.Errorf("%s in %s has the tag %s=%s: only an AMI that passed its smoke test is published", t.id, region, cloud.ResultTag, result)
	}
}

// passed is the value of the result's tag on a good AMI.
const passed = "passed"

func (t *target) checkSnapshots(ctx context.Context) error {
	snapshots, err := t.session.EC2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: t.snapshots})
	if err != nil {
		return fmt.Errorf("look up the snapshots of %s in %s: %w", t.id, t.session.Region, err)
	}
	for _, s := range snapshots.Snapshots {
		if s.State != types.SnapshotStateCompleted {
			return fmt.Errorf("%s of %s in %s is %s: publish the AMI when it is completed", aws.ToString(s.SnapshotId), t.id, t.session.Region, s.State)
		}
	}
	return nil
}

func (t *target) checkPublic(ctx context.Context) error {
	if len(t.config.AMIGroups) == 0 {
		return nil
	}
	return ami.CheckPublic(ctx, t.session)
}

// checkPrevious finds the earlier releases, and asks what pruning needs to know,
// so that a missing permission is found before anything is published.
func (t *target) checkPrevious(ctx context.Context) error {
	if !t.config.DeprecatePrevious && !t.config.Prune.enabled() {
		return nil
	}
	if family, version := ami.SplitName(aws.ToString(t.image.Name)); version == "" {
		return fmt.Errorf("the AMI's name %q in %s has no version at its end, so its earlier releases are unknown: name it, for example, %s-1.4.0, or remove deprecate_previous and prune", family, t.session.Region, family)
	}
	releases, err := t.family().Releases(ctx, t.session)
	if err != nil {
		return err
	}
	t.previous = ami.Older(releases, t.id)
	if t.config.Prune.enabled() {
		_, _, err = t.expired(ctx)
	}
	return err
}

// expired returns the releases to remove, oldest first, and those that would be
// removed but are in use.
func (t *target) expired(ctx context.Context) (remove, used []types.Image, err error) {
	releases, err := t.family().Releases(ctx, t.session)
	if err != nil {
		return nil, nil, err
	}
	rule := ami.Retention{Releases: t.config.Prune.KeepReleases, Days: t.config.Prune.KeepDays}
	remove = rule.Expired(releases, t.id, time.Now())
	inUse, err := ami.InUse(ctx, t.session, remove)
	if err != nil {
		return nil, nil, err
	}
	values, err := parameter.Values(ctx, t.session)
	if err != nil {
		return nil, nil, err
	}
	isUsed := func(image types.Image) bool { id := aws.ToString(image.ImageId); return inUse[id] || values[id] }
	for _, image := range remove {
		if isUsed(image) {
			used = append(used, image)
		}
	}
	return slices.DeleteFunc(remove, isUsed), used, nil
}

func (t *target) tag(key string) string { return ami.TagOf(t.image.Tags, key) }

func (t *target) family() ami.Family {
	return ami.Family{Name: t.names().Family, Environment: t.tag(cloud.EnvironmentTag)}
}

func (t *target) names() names {
	family, version := ami.SplitName(aws.ToString(t.image.Name))
	if t.config.ReleaseVersion != "" {
		version = t.config.ReleaseVersion
	}
	return names{
		Region: t.session.Region, Environment: t.tag(cloud.EnvironmentTag), Architecture: string(t.image.Architecture),
		Name: aws.ToString(t.image.Name), Family: family, Version: version,
	}
}
