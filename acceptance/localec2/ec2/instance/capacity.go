package instance

import (
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/guest"
)

// roomFor returns an error if there isn't enough memory for instances. It
// counts the full memory of their types, which is what guests can use.
func (s *Instances) roomFor(t instanceType, count int) error {
	if s.opts.NoGuests {
		return nil
	}
	used := 0
	for _, state := range s.regions {
		for _, in := range state.instances {
			if in.guest != nil {
				used += in.typ.memoryMiB + guest.OverheadMiB
			}
		}
	}
	need := count * (t.memoryMiB + guest.OverheadMiB)
	if t.memoryMiB > guest.MaxMemoryMiB || used+need > s.opts.MemoryMiB {
		return api.Refuse(500, "InsufficientInstanceCapacity", "We currently do not have sufficient %s capacity: it needs %d MiB, and %d of this machine's %d MiB for instances are in use", t.name, need, used, s.opts.MemoryMiB)
	}
	return nil
}
