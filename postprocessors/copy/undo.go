package copy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
)

// undo removes all copies in all regions, at the same time, or lists them if the
// user wants them left in place. It returns what could not be removed.
func (r *release) undo() error {
	if r.config.PackerOnError == "abort" {
		for _, region := range r.regions() {
			for _, left := range r.ledgers[region].Keep() {
				r.ui.Error("left in place: " + left)
			}
		}
		return nil
	}
	if !slices.ContainsFunc(r.regions(), func(region string) bool { return r.ledgers[region].Len() > 0 }) {
		return nil
	}
	r.ui.Say("removing the copies in all regions")
	errs := make([]error, len(r.ledgers))
	var group errgroup.Group
	group.SetLimit(maxConcurrency)
	for i, region := range r.regions() {
		group.Go(func() error {
			errs[i] = r.undoIn(region)
			return nil
		})
	}
	_ = group.Wait() // errs has the errors
	return errors.Join(errs...)
}

// regions are those in which something may have been created, sorted.
func (r *release) regions() []string { return slices.Sorted(maps.Keys(r.ledgers)) }

// undoIn removes what was created in one region. The build may be cancelled: Undo
// has its own limit.
func (r *release) undoIn(region string) error {
	removed, err := r.ledgers[region].Undo(context.Background())
	for _, id := range removed {
		r.ui.Say(fmt.Sprintf("%s: removed %s", region, id))
	}
	return err
}
