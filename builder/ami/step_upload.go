package ami

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/progress"
)

// stepUpload makes the snapshot. It is the first step that creates anything.
type stepUpload struct{ *build }

func (s *stepUpload) Run(ctx context.Context, _ multistep.StateBag) multistep.StepAction {
	s.err = nil // of an earlier try, which the user wants repeated
	start := time.Now()
	reporter := progress.Lines(s.ui.Say)
	defer reporter.Done()
	s.session.Progress = func(done, total int64) { reporter.Report("upload", done, total) }
	id, err := s.session.Upload(ctx, s.plan, s.wrapped.Disk, &s.ledger)
	if err != nil {
		return s.fail(err)
	}
	s.snapshotID = id
	s.ui.Say(fmt.Sprintf("snapshot %s: %d blocks (%.1f MiB) uploaded and completed in %.1f s",
		id, len(s.plan.Blocks), float64(len(s.plan.Blocks))/2, time.Since(start).Seconds()))
	return multistep.ActionContinue
}

func (s *stepUpload) Cleanup(multistep.StateBag) {}
