package copy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// plan plans all regions before the first copy, and returns all problems at once.
// A region that may fail is left out if it can't be planned.
func (r *release) plan(ctx context.Context) error {
	regions := r.config.AMIRegions
	if err := r.checkRegions(ctx); err != nil {
		return cmp.Or(r.cancelled(ctx), component.Explain(err))
	}
	plans, errs := make([]*ami.CopyPlan, len(regions)), make([]error, len(regions))
	var group errgroup.Group
	group.SetLimit(r.config.Concurrency)
	for i, region := range regions {
		group.Go(func() error {
			plans[i], errs[i] = r.planRegion(ctx, region)
			return nil
		})
	}
	_ = group.Wait() // errs has the errors
	if err := r.cancelled(ctx); err != nil {
		return err
	}
	var fatal []error
	for i, region := range regions {
		switch {
		case errs[i] == nil:
			r.show(plans[i])
			r.plans = append(r.plans, plans[i])
			r.ledgers[region] = new(cloud.Ledger)
		case r.config.mayFail(region):
			r.ui.Error(fmt.Sprintf("%s is left out: %v", region, errs[i]))
			r.results = append(r.results, result{region: region, err: errs[i]})
		default:
			fatal = append(fatal, errs[i])
		}
	}
	return errors.Join(fatal...)
}

// checkRegions checks that all regions exist, and that none is the source's.
func (r *release) checkRegions(ctx context.Context) error {
	var own error
	if slices.Contains(r.config.AMIRegions, r.region()) {
		own = fmt.Errorf("ami_regions contains %s, which is the AMI's own region: remove it", r.region())
	}
	return errors.Join(own, ami.CheckRegions(ctx, r.source.Session, r.config.AMIRegions))
}

func (r *release) planRegion(ctx context.Context, region string) (*ami.CopyPlan, error) {
	session, err := r.connectTo(ctx, region)
	if err != nil {
		return nil, err
	}
	c := r.config
	plan, err := ami.PlanCopy(ctx, session, r.source, ami.CopyRequest{
		BuildID:          r.id,
		Name:             cmp.Or(c.AMIName, r.source.Name()),
		Description:      cmp.Or(c.AMIDescription, r.source.Description()),
		UserImageTags:    c.Tags,
		UserSnapshotTags: c.SnapshotTags,
		Method:           c.Method,
		Encrypt:          c.EncryptBoot,
		KMSKeyID:         c.key(region),
		Minutes:          c.SnapshotCopyDurationMinutes,
	})
	return plan, component.Explain(err)
}

// connectTo makes the session of a region, in which everything may take as long as
// the copy.
func (r *release) connectTo(ctx context.Context, region string) (*cloud.Session, error) {
	connect := r.artifact.Session
	if profile := r.config.RegionProfiles[region]; profile != "" {
		connect = func(ctx context.Context, region string) (*cloud.Session, error) {
			return r.artifact.SessionAs(ctx, region, profile)
		}
	}
	session, err := connect(ctx, region)
	if err != nil {
		return nil, component.Explain(err)
	}
	session.Waits.Image, session.Waits.Snapshot = r.config.Timeout, r.config.Timeout
	return session, nil
}

// show shows what will be done in a region.
func (r *release) show(p *ami.CopyPlan) {
	if p.Existing != "" {
		r.ui.Say(fmt.Sprintf("%s: %s has the same name and content, and is kept", p.Session.Region, p.Existing))
		return
	}
	line := fmt.Sprintf("%s: %s (%s)", p.Session.Region, p.Method, p.Reason)
	if p.Kernel.ID != "" {
		line += ", kernel " + p.Kernel.String()
	}
	r.ui.Say(line)
}
