package ami

import (
	"context"
	"errors"
	"fmt"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// A volumeDisk is the disk of a data volume that is made from a directory.
type volumeDisk struct {
	device string
	disk   *disk.Disk
	blocks []disk.Block
}

func (d *volumeDisk) content() string { return snapshot.Content(d.blocks) }

// layOut lays out the disks of all data volumes that are made from a directory, and
// returns what is wrong with them at once.
func (v *Volumes) layOut(ctx context.Context) ([]volumeDisk, error) {
	var disks []volumeDisk
	var errs []error
	for _, option := range v.DataVolumes {
		if option.SourceDir == "" {
			continue
		}
		laid, err := layOut(ctx, option)
		if err != nil {
			errs = append(errs, fmt.Errorf("make volume %s from %s: %w", option.DeviceName, option.SourceDir, err))
			continue
		}
		disks = append(disks, laid)
	}
	return disks, errors.Join(errs...)
}

func layOut(ctx context.Context, option DataVolume) (volumeDisk, error) {
	list, err := disk.ListFiles(map[string]string{"/": option.SourceDir})
	if err != nil {
		return volumeDisk{}, err
	}
	if err := disk.CheckTotal(list.Files); err != nil {
		return volumeDisk{}, err
	}
	laid, err := disk.New(ctx, disk.Spec{Files: list.Files, Sources: list.Sources})
	if err != nil {
		return volumeDisk{}, err
	}
	blocks, err := laid.Blocks(ctx)
	return volumeDisk{device: option.DeviceName, disk: laid, blocks: blocks}, err
}
