package guest

import (
	"errors"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// MaxMemoryMiB is the memory of the largest guest that package hypervisor can
// start.
const MaxMemoryMiB = 16 << 10

// OverheadMiB is the memory that a guest needs in addition to its own, for dom0
// and Xen.
const OverheadMiB = 600

// refusal returns why the guest can't be started here, or nil.
func (g *Guest) refusal() error {
	switch {
	case g.host.opts.Off:
		return errors.New("this server starts no guests (-no-instances)")
	case g.spec.Nitro:
		return errors.New("types of the Nitro system are not started here, and " + g.spec.Type + " is one")
	}
	return nil
}

// domainSpec describes the guest to the hypervisor. The volume must be
// prepared.
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
