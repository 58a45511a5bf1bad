package copy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// uploadWorkers is how many blocks all uploads together send at once: twice as many
// as one upload, whose pauses at its ends the others fill. They hold 16 MiB.
const uploadWorkers = 32

// A result is the outcome of one region.
type result struct {
	region string
	plan   *ami.CopyPlan // nil if the region could not be planned
	image  types.Image   // unless it was there already
	took   time.Duration
	err    error
}

// copy makes all planned copies. The first failure in a region that may not fail
// cancels the others.
func (r *release) copy(ctx context.Context) error {
	disk, remove, err := r.fetch(ctx)
	if err != nil {
		return err
	}
	defer remove()
	board := component.NewBoard(r.ui.Say)
	defer board.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(r.config.Concurrency)
	for _, plan := range r.plans {
		board.Step(plan.Session.Region, "queued")
		group.Go(func() error {
			one := r.copyTo(ctx, plan, disk, board)
			mu.Lock()
			defer mu.Unlock()
			r.results = append(r.results, one)
			if one.err != nil && !r.config.mayFail(one.region) {
				cancel(errStopped)
			}
			return nil
		})
	}
	_ = group.Wait() // the results have the errors
	return r.failure(ctx)
}

// errStopped is the reason why a copy ends that has not failed itself.
var errStopped = errors.New("the copy to another region has failed")

// failure is the error of the whole release.
func (r *release) failure(ctx context.Context) error {
	if err := r.cancelled(ctx); err != nil {
		return err
	}
	slices.SortFunc(r.results, func(a, b result) int {
		return slices.Index(r.config.AMIRegions, a.region) - slices.Index(r.config.AMIRegions, b.region)
	})
	var errs []error
	for _, one := range r.results {
		if one.err != nil && !errors.Is(one.err, errStopped) && !r.config.mayFail(one.region) {
			errs = append(errs, one.err)
		}
	}
	return errors.Join(errs...)
}

// cancelled returns an error if the build was cancelled.
func (r *release) cancelled(ctx context.Context) error {
	switch cause := context.Cause(ctx); {
	case cause == nil || errors.Is(cause, errStopped):
		return nil
	case errors.Is(cause, context.Canceled):
		return fmt.Errorf("copy %s: the build was cancelled", r.artifact.Id())
	default:
		return fmt.Errorf("copy %s: %w", r.artifact.Id(), cause)
	}
}

// fetch downloads the source's disk once, for all regions that it is uploaded to.
// The file keeps the memory flat, however large the disk is.
func (r *release) fetch(ctx context.Context) (_ *ami.LocalDisk, remove func(), err error) {
	uploads := func(p *ami.CopyPlan) bool { return p.Existing == "" && p.Method == ami.Upload }
	if !slices.ContainsFunc(r.plans, uploads) {
		return nil, func() {}, nil
	}
	file, err := os.CreateTemp("", "unikernel-copy-*.raw")
	if err != nil {
		return nil, nil, fmt.Errorf("create a file for the disk: %w", err)
	}
	_ = os.Remove(file.Name()) // a killed process leaves nothing; not on Windows, where an open file stays
	remove = func() {
		_ = file.Close() // nothing of it is needed any more
		_ = os.Remove(file.Name())
	}
	disk, err := r.source.Fetch(ctx, file)
	if err != nil {
		remove()
		if cancelled := r.cancelled(ctx); cancelled != nil {
			return nil, nil, cancelled
		}
		return nil, nil, fmt.Errorf("copy %s: %w", r.artifact.Id(), err)
	}
	r.ui.Say(fmt.Sprintf("downloaded the disk of %s: %.1f MiB", r.artifact.Id(), float64(len(disk.Blocks))/2))
	return disk, remove, nil
}

// copyTo makes the copy in one region.
func (r *release) copyTo(ctx context.Context, plan *ami.CopyPlan, disk *ami.LocalDisk, board *component.Board) result {
	region, start := plan.Session.Region, time.Now()
	one := result{region: region, plan: plan}
	if ctx.Err() != nil {
		one.err = context.Cause(ctx)
		board.Done(region, "not started")
		return one
	}
	if plan.Existing != "" {
		board.Done(region, plan.Existing+" is kept")
		return one
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.config.Timeout, fmt.Errorf("not done within %s: set timeout to allow more", r.config.Timeout))
	defer cancel()
	copier := &ami.Copier{Disk: disk, Workers: r.workers(), Step: func(step string) { board.Step(region, step) }}
	one.image, one.err = copier.Copy(ctx, plan, r.ledgers[region])
	one.err = component.Explain(ended(ctx, region, one.err))
	one.took = time.Since(start)
	switch {
	case errors.Is(one.err, errStopped):
		board.Done(region, "stopped")
	case errors.Is(one.err, context.Canceled):
		board.Done(region, "cancelled")
	case one.err != nil:
		board.Done(region, "failed: "+one.err.Error())
		r.giveUp(region)
	default:
		board.Done(region, fmt.Sprintf("%s is available after %.1f s", *one.image.ImageId, one.took.Seconds()))
	}
	return one
}

// ended returns the reason why ctx has ended for an error that says only that it
// has.
func ended(ctx context.Context, region string, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("copy to %s: %w", region, cause)
	}
	return err
}

// giveUp removes what was created for a region that may fail.
func (r *release) giveUp(region string) {
	if !r.config.mayFail(region) {
		return // undo removes it, with all others
	}
	if err := r.undoIn(region); err != nil {
		r.ui.Error(err.Error())
	}
}

// workers is how many blocks are sent to one region at a time.
func (r *release) workers() int {
	return uploadWorkers / min(r.config.Concurrency, len(r.plans))
}
