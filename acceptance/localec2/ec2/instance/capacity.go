package instance

import (
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/guest"
)

// roomFor refuses instances that there is no memory for. Guests get all of
// their type's memory, so this is what they could come to use.
func (s *Instances) roomFor(t instanceType, count int) error {
	if s.opts.NoGuests {
		return nil
	}
	used := 0
	for _, state := range s.regions {
		for _, in := range state.instances {
			if in.guest != nil {
				used += in.kind.memoryMiB + guest.OverheadMiB
			}
		}
	}
	need := count * (t.memoryMiB + guest.OverheadMiB)
	if t.memoryMiB > guest.MaxMemoryMiB || used+need > s.opts.MemoryMiB {
		return api.Refuse(500, "InsufficientInstanceCapacity", "We currently do not have sufficient %s capacity: it needs %d MiB, and %d of this machine's %d MiB for instances are in use", t.name, need, used, s.opts.MemoryMiB)
	}
	return nil
}
