package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// Volume is the root volume of an instance: an unnamed file with the blocks of
// a snapshot. It is filled when the instance's first guest starts, and used by
// all of its guests in turn.
type Volume struct {
	Region, Snapshot string
	SizeGiB          int

	file *os.File // nil before the first start
}

// Close deletes the volume. No guest may be using it.
func (v *Volume) Close() {
	if v.file != nil {
		_ = v.file.Close() // it is unnamed, so this deletes it
		v.file = nil
	}
}

// path returns a path that opens the file again.
func (v *Volume) path() string { return "/dev/fd/" + strconv.Itoa(int(v.file.Fd())) }

// prepareVolume fills the guest's volume if that hasn't happened yet, and looks
// for a menu.lst where Amazon's kernel would.
func (g *Guest) prepareVolume(ctx context.Context) error {
	v := g.spec.Volume
	if v.file == nil {
		if err := v.fill(ctx, g.host.opts.Blocks); err != nil {
			return fmt.Errorf("could not create the volume from %s: %w", v.Snapshot, err)
		}
	}
	if g.spec.Virtualization == "paravirtual" && g.host.opts.PVGRUB == "" && !hasMenu(v.file, g.spec.FirstPartition) {
		return fmt.Errorf("PV-GRUB finds nothing to start: %w", hypervisor.ErrNoMenu)
	}
	return nil
}

// fill reads the snapshot into an unnamed file. Blocks that the snapshot lacks
// are holes.
func (v *Volume) fill(ctx context.Context, blocks Blocks) error {
	file, err := os.CreateTemp("", "localec2-volume-")
	if err != nil {
		return err
	}
	err = errors.Join(os.Remove(file.Name()), file.Truncate(int64(v.SizeGiB)<<30))
	if err == nil {
		err = blocks.ReadBlocks(ctx, v.Region, v.Snapshot, func(offset int64, data []byte) error {
			_, err := file.WriteAt(data, offset)
			return err
		})
	}
	if err != nil {
		_ = file.Close() // the first error says more
		return err
	}
	v.file = file
	return nil
}
