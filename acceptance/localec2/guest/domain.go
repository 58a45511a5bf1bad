package guest

import (
	"errors"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// MaxMemoryMiB is the largest guest that package hypervisor starts.
const MaxMemoryMiB = 16 << 10

// OverheadMiB is the memory that a guest takes beside its own: dom0's and
// Xen's.
const OverheadMiB = 600

// refusal returns why the guest is not started, nil if it is.
func (g *Guest) refusal() error {
	switch {
	case g.host.opts.Off:
		return errors.New("this server starts no guests (-no-instances)")
	case g.spec.Nitro:
		return errors.New("types of the Nitro system are not started here, and " + g.spec.Type + " is one")
	}
	return nil
}

// domainSpec is the guest in the hypervisor's words. Its volume must be there.
func (g *Guest) domainSpec() hypervisor.Spec {
	spec := hypervisor.Spec{
		Disk:       g.spec.Volume.path(),
		RootDevice: strings.TrimPrefix(g.spec.RootDevice, "/dev/"),
		MemoryMiB:  g.spec.MemoryMiB,
		VCPUs:      g.spec.VCPUs,
		Network:    hypervisor.Network{Address: g.spec.Address, Gateway: g.spec.Gateway},
		PVGRUB:     g.host.opts.PVGRUB,
		Console:    g.spec.Console,
		Progress:   g.log,
		Opened:     g.opened,
	}
	if g.spec.Virtualization == "hvm" {
		spec.Virtualization, spec.PVGRUB = hypervisor.HVM, ""
	}
	if g.spec.Public.IsValid() {
		spec.Forwards = g.bindable(forwards(g.spec.Public, g.spec.Open))
	}
	return spec
}
