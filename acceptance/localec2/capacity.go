package localec2

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

const (
	// domainOverheadMiB is what the machine of a domain takes beside the
	// guest's memory: dom0's and Xen's.
	domainOverheadMiB = 600
	// maxDomainMiB is the largest guest that package hypervisor starts.
	maxDomainMiB = 16 << 10
	// unknownMemoryMiB is the memory for instances on systems that don't tell
	// theirs: enough for three guests of the smallest types.
	unknownMemoryMiB = 8 << 10
)

// hostMemory returns the memory for instances where no option says it: three
// quarters of this machine's, in MiB. The rest is for those who call.
func hostMemory() int {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return unknownMemoryMiB
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "MemTotal:" {
			continue
		}
		if kib, err := strconv.Atoi(fields[1]); err == nil {
			return kib / 1024 * 3 / 4
		}
	}
	return unknownMemoryMiB
}

// roomFor refuses instances that there is no memory for. Guests get all of
// their type's memory, so this is what they could come to use.
func (s *Server) roomFor(t instanceType, count int) error {
	if s.opts.NoInstances {
		return nil
	}
	used := 0
	for _, state := range s.regions {
		for _, in := range state.instances {
			if in.machine != nil {
				used += in.kind.memoryMiB + domainOverheadMiB
			}
		}
	}
	need := count * (t.memoryMiB + domainOverheadMiB)
	if t.memoryMiB > maxDomainMiB || used+need > s.opts.MemoryMiB {
		return refuse(500, "InsufficientInstanceCapacity", "We currently do not have sufficient %s capacity: it needs %d MiB, and %d of this machine's %d MiB for instances are in use", t.name, need, used, s.opts.MemoryMiB)
	}
	return nil
}
