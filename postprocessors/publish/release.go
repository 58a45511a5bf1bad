package publish

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"golang.org/x/sync/errgroup"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/parameter"
)

// A release is one run of the post-processor.
type release struct {
	config   *Config
	ui       packersdk.Ui
	artifact *component.Artifact
	tool     string

	targets    []*target // by region, sorted
	parameters *parameter.Plan
	ledger     cloud.Ledger // what is published
}

// run is the order of the work. Nothing is published before check has passed, and
// nothing can fail a release after keep but pruning.
func (r *release) run(ctx context.Context) error {
	if err := writable(r.config.Manifest); err != nil {
		return err
	}
	if err := r.check(ctx); err != nil {
		return fmt.Errorf("nothing is published: %w", explain(err))
	}
	err := r.publish(ctx)
	if err == nil {
		err = r.writeManifest(time.Now())
	}
	if err != nil {
		return errors.Join(explain(err), r.undo(ctx))
	}
	r.ledger.Keep()
	r.ui.Say(r.table())
	if err := r.prune(ctx); err != nil {
		return fmt.Errorf("the release is published, but old releases remain: %w", explain(err))
	}
	return nil
}

// checks is how many regions are checked at once. The questions to one region take
// a second or two, and EC2 counts the calls of each region separately.
const checks = 8

// check checks all regions, and returns all problems at once.
func (r *release) check(ctx context.Context) error {
	regions := r.artifact.Regions()
	r.ui.Say(fmt.Sprintf("checking %s in %s", plural(len(regions), "AMI"), strings.Join(regions, ", ")))
	r.targets = make([]*target, len(regions))
	errs := make([]error, len(regions))
	var group errgroup.Group
	group.SetLimit(checks)
	for i, region := range regions {
		group.Go(func() error {
			errs[i] = r.checkRegion(ctx, i, region)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs, all of them
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return r.planParameters(ctx)
}

func (r *release) checkRegion(ctx context.Context, i int, region string) error {
	session, err := r.artifact.Session(ctx, region)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", region, err)
	}
	r.targets[i] = &target{config: r.config, session: session, id: r.artifact.AMIs[region].ID, tested: r.artifact.Result != ""}
	return r.targets[i].check(ctx)
}

func (r *release) planParameters(ctx context.Context) (err error) {
	var writes []parameter.Write
	for _, t := range r.targets {
		for _, name := range t.parameters {
			writes = append(writes, parameter.Write{Session: t.session, Name: name, Value: t.id, DataType: r.config.SSMDataType})
		}
	}
	r.parameters, err = parameter.NewPlan(ctx, writes, r.config.SSMAllowOverwrite)
	return cloud.Each(err, func(one error) error {
		if _, taken := errors.AsType[parameter.TakenError](one); taken {
			return fmt.Errorf("%w: set ssm_allow_overwrite = true to replace it", one)
		}
		return one
	})
}

// publish makes the release visible: permissions first, then the parameters that
// name it, and the earlier releases last.
func (r *release) publish(ctx context.Context) error {
	for _, t := range r.targets {
		added, err := ami.Grant(ctx, t.session, t.id, t.snapshots, r.config.permissions(), &r.ledger)
		if err != nil {
			return err
		}
		if !r.config.permissions().Empty() {
			r.ui.Say(fmt.Sprintf("%s: %s added to %s", t.session.Region, plural(added, "permission"), t.id))
		}
	}
	if err := r.parameters.Apply(ctx, &r.ledger); err != nil {
		return err
	}
	for _, t := range r.targets {
		for _, name := range t.parameters {
			r.ui.Say(fmt.Sprintf("%s: %s is %s", t.session.Region, name, t.id))
		}
	}
	if r.config.DeprecatePrevious {
		if err := r.deprecate(ctx); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (r *release) deprecate(ctx context.Context) error {
	at := ami.Soon()
	for _, t := range r.targets {
		for _, image := range t.previous {
			changed, err := ami.Deprecate(ctx, t.session, image, at, &r.ledger)
			if err != nil {
				return err
			}
			if changed {
				r.ui.Say(fmt.Sprintf("%s: %s (%s) is deprecated from %s", t.session.Region, aws.ToString(image.ImageId), aws.ToString(image.Name), at.Format(time.RFC3339)))
			}
		}
	}
	return nil
}

// undo takes back what was published before a failure.
func (r *release) undo(ctx context.Context) error {
	if r.ledger.Len() == 0 {
		return errors.New("nothing is published")
	}
	r.ui.Say("taking back what was published")
	removed, err := r.ledger.Undo(ctx)
	for _, what := range removed {
		r.ui.Say("took back: " + what)
	}
	if err != nil {
		return fmt.Errorf("the release is published in part: %w", err)
	}
	return errors.New("nothing is published: all changes were taken back")
}

// prune removes old releases. It can't be undone.
func (r *release) prune(ctx context.Context) error {
	if !r.config.Prune.enabled() {
		return nil
	}
	var errs []error
	for _, t := range r.targets {
		if ctx.Err() != nil {
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
		errs = append(errs, r.pruneRegion(ctx, t))
	}
	return errors.Join(errs...)
}

func (r *release) pruneRegion(ctx context.Context, t *target) error {
	remove, used, err := t.expired(ctx)
	if err != nil {
		return err
	}
	for _, image := range used {
		r.ui.Say(fmt.Sprintf("%s: %s (%s) is kept: an instance, a launch template or an SSM parameter uses it", t.session.Region, aws.ToString(image.ImageId), aws.ToString(image.Name)))
	}
	var errs []error
	for _, image := range remove {
		id := aws.ToString(image.ImageId)
		if r.config.Prune.DryRun {
			r.ui.Say(fmt.Sprintf("%s: would remove %s (%s)", t.session.Region, id, aws.ToString(image.Name)))
			continue
		}
		removed, err := ami.Remove(ctx, t.session, id)
		if len(removed) > 0 {
			r.ui.Say(fmt.Sprintf("%s: removed %s (%s)", t.session.Region, strings.Join(removed, ", "), aws.ToString(image.Name)))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
