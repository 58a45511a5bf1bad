package ami

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// stepFinish shares, deprecates and protects what the build has made.
type stepFinish struct{ *build }

func (s *stepFinish) Run(ctx context.Context, _ multistep.StateBag) multistep.StepAction {
	s.err = nil // from an earlier attempt, if the user chose to retry
	if err := s.plan.Finish(ctx, s.session, s.imageID, s.snapshotIDs); err != nil {
		return s.fail(component.Explain(err))
	}
	return multistep.ActionContinue
}

func (s *stepFinish) Cleanup(multistep.StateBag) {}

// showOptions shows what the plan says besides the root volume.
func (b *build) showOptions() {
	plan := b.plan
	for _, d := range plan.Devices {
		switch {
		case d.NoDevice:
			b.ui.Say(fmt.Sprintf("device %s: none", d.Name))
		case d.VirtualName != "":
			b.ui.Say(fmt.Sprintf("device %s: instance store volume %s", d.Name, d.VirtualName))
		default:
			b.ui.Say(fmt.Sprintf("device %s: %d GiB (%s)%s", d.Name, d.VolumeSize, d.VolumeType, b.contents(d.Name, d.SnapshotID)))
		}
	}
	switch e := plan.Encryption; {
	case e.Encrypted && e.ByDefault:
		b.ui.Say(fmt.Sprintf("encrypted with the key %s: the account encrypts all new snapshots", e.KMSKey))
	case e.Encrypted:
		b.ui.Say("encrypted with the key " + e.KMSKey)
	}
	if plan.Replaces != "" {
		b.ui.Say(fmt.Sprintf("replaces %s, which has the name", plan.Replaces))
	}
	if !plan.DeprecateAt.IsZero() {
		b.ui.Say("deprecated at " + plan.DeprecateAt.Format(time.RFC3339))
	}
}

// count is a number of blocks in words.
func count(blocks int) string {
	if blocks == 1 {
		return "1 block"
	}
	return fmt.Sprintf("%d blocks", blocks)
}

// contents says what a volume is made from.
func (b *build) contents(device, snapshotID string) string {
	for _, volume := range b.volumes {
		if volume.device == device {
			return fmt.Sprintf(", %s of 512 KiB to upload", count(len(volume.blocks)))
		}
	}
	if snapshotID == "" {
		return ", empty"
	}
	return " from " + snapshotID
}
