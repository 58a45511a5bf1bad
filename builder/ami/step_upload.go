package ami

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/progress"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// stepUpload makes the snapshots. It is the first step that creates anything.
type stepUpload struct{ *build }

func (s *stepUpload) Run(ctx context.Context, _ multistep.StateBag) multistep.StepAction {
	s.err, s.snapshotIDs = nil, nil // from an earlier attempt, if the user chose to retry
	var err error
	s.snapshotID, err = s.upload(ctx, snapshot.Request{
		Tags: s.plan.SnapshotTags(), VolumeSize: s.plan.VolumeSize, Disk: s.wrapped.Disk, Blocks: s.blocks,
	})
	if err == nil {
		err = s.uploadVolumes(ctx)
	}
	if err != nil {
		return s.fail(err)
	}
	return multistep.ActionContinue
}

func (s *stepUpload) Cleanup(multistep.StateBag) {}

// uploadVolumes makes the snapshots of the volumes that have directories.
func (s *stepUpload) uploadVolumes(ctx context.Context) error {
	for _, volume := range s.volumes {
		for i := range s.plan.Devices {
			device := &s.plan.Devices[i]
			if device.Name != volume.device {
				continue
			}
			id, err := s.upload(ctx, snapshot.Request{
				Tags: s.plan.VolumeTags(device.Name, volume.content()), VolumeSize: device.VolumeSize, Device: device.Name,
				Disk: volume.disk, Blocks: volume.blocks,
			})
			if err != nil {
				return fmt.Errorf("volume %s: %w", device.Name, err)
			}
			device.SnapshotID = id
		}
	}
	return nil
}

// upload makes one snapshot.
func (s *stepUpload) upload(ctx context.Context, request snapshot.Request) (string, error) {
	start := time.Now()
	reporter := progress.Lines(s.ui.Say)
	defer reporter.Done()
	method := s.method(func(done, total int64) { reporter.Report("upload", done, total) })
	request.BuildID = s.id
	request.Description = cmp.Or(s.config.SnapshotDescription, "unikernel "+s.plan.Name)
	request.Encryption = s.plan.SnapshotEncryption()
	id, err := method.Create(ctx, request, &s.ledger)
	if err != nil {
		return "", err
	}
	s.snapshotIDs = append(s.snapshotIDs, id)
	s.ui.Say(fmt.Sprintf("snapshot %s: %s (%.1f MiB) uploaded and completed in %.1f s",
		id, count(len(request.Blocks)), float64(len(request.Blocks))/2, time.Since(start).Seconds()))
	if s.config.Verify {
		verified := func(done, total int64) { reporter.Report("verify", done, total) }
		if err := snapshot.Verify(ctx, s.session, id, request, s.config.UploadWorkers, verified); err != nil {
			return "", err
		}
		s.ui.Say(fmt.Sprintf("snapshot %s: read back, and equal to the disk", id))
	}
	return id, nil
}
