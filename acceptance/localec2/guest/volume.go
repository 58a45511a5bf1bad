package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// Volume is an instance's root volume: a file without a name, with the blocks
// of a snapshot. It is fetched when the guest starts for the first time, and
// serves one guest after another.
type Volume struct {
	Region, Snapshot string
	SizeGiB          int

	file *os.File // nil before the first start
}

// Close deletes the volume. No guest may use it.
func (v *Volume) Close() {
	if v.file != nil {
		_ = v.file.Close() // it has no name: this is its end
		v.file = nil
	}
}

// path is a name that the open file can be opened by again.
func (v *Volume) path() string { return "/dev/fd/" + strconv.Itoa(int(v.file.Fd())) }

// prepareVolume fetches the guest's volume, once, and looks for a menu.lst on it
// where Amazon's kernel would.
func (g *Guest) prepareVolume(ctx context.Context) error {
	v := g.spec.Volume
	if v.file == nil {
		if err := v.fetch(ctx, g.host.opts.Blocks); err != nil {
			return fmt.Errorf("its volume could not be made of %s: %w", v.Snapshot, err)
		}
	}
	if g.spec.Virtualization == "paravirtual" && g.host.opts.PVGRUB == "" && !hasMenu(v.file, g.spec.FirstPartition) {
		return fmt.Errorf("PV-GRUB finds nothing to start: %w", hypervisor.ErrNoMenu)
	}
	return nil
}

// fetch reads the snapshot into a file without a name. Blocks that the snapshot
// lacks are holes.
func (v *Volume) fetch(ctx context.Context, blocks Blocks) error {
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
