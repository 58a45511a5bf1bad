package ami

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/progress"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// stepUpload makes the snapshot. It is the first step that creates anything.
type stepUpload struct{ *build }

func (s *stepUpload) Run(ctx context.Context, _ multistep.StateBag) multistep.StepAction {
	s.err = nil // from an earlier attempt, if the user chose to retry
	start := time.Now()
	reporter := progress.Lines(s.ui.Say)
	defer reporter.Done()
	method := &snapshot.EBSDirect{
		Session:  s.session,
		Progress: func(done, total int64) { reporter.Report("upload", done, total) },
	}
	id, err := method.Create(ctx, snapshot.Request{
		BuildID:     s.id,
		Description: "unikernel " + s.plan.Name,
		Tags:        s.plan.SnapshotTags(),
		VolumeSize:  s.plan.VolumeSize,
		Disk:        s.wrapped.Disk,
		Blocks:      s.blocks,
	}, &s.ledger)
	if err != nil {
		return s.fail(err)
	}
	s.snapshotID = id
	s.ui.Say(fmt.Sprintf("snapshot %s: %d blocks (%.1f MiB) uploaded and completed in %.1f s",
		id, len(s.blocks), float64(len(s.blocks))/2, time.Since(start).Seconds()))
	return multistep.ActionContinue
}

func (s *stepUpload) Cleanup(multistep.StateBag) {}
