package instance

import (
	"net/netip"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/network"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/guest"
)

// powerOn starts an instance that has no guest.
func (s *Instances) powerOn(in *Instance) {
	in.target, in.reached, in.settles = running, false, s.acct.Now().Add(s.opts.Pending)
	in.why, in.reason = "", stateReason{}
	in.guest = s.host.Start(s.guestSpec(in), observer{s, in})
}

// endPending makes a new instance end while it is pending, as EC2 does if it
// can't start one. It never has a guest or a public address.
func (s *Instances) endPending(in *Instance) {
	in.target, in.aborted, in.settles = terminated, true, s.acct.Now().Add(s.opts.Pending)
	in.reason = stateReason{"Server.InternalError", "Server.InternalError: Internal error on launch"}
	in.release()
}

// guestSpec describes the guest of an instance.
func (s *Instances) guestSpec(in *Instance) guest.Spec {
	cidr := in.nic.Subnet.CIDR
	spec := guest.Spec{
		Instance: in.ID, Image: in.image.ID, Type: in.typ.name, Virtualization: in.image.Virtualization,
		Nitro:      in.typ.hypervisor() == "nitro",
		RootDevice: in.image.RootDevice, MemoryMiB: in.typ.memoryMiB, VCPUs: in.typ.vcpus,
		Address:        netip.PrefixFrom(in.nic.Private, cidr.Bits()),
		Gateway:        cidr.Addr().Next(), // the first address of each subnet (Amazon VPC User Guide)
		FirstPartition: strings.Contains(s.images.KernelName(in.region, in.kernel), "hd00"),
		Volume:         in.volume, Console: in.console,
	}
	if in.nic.Public != nil && s.networks.Routed(in.region, in.nic) {
		spec.Public = in.nic.Public.Addr
		for _, p := range network.OpenPorts(in.nic.Groups) {
			spec.Open = append(spec.Open, guest.Ports(p))
		}
	}
	return spec
}

// powerOff stops or terminates an instance. It reaches the state when its guest
// is gone.
func (s *Instances) powerOff(in *Instance, target string) {
	in.target, in.settles = target, s.acct.Now().Add(s.opts.Ending)
	in.aborted = false
	in.reached = in.guest == nil
	if in.guest != nil {
		in.guest.Stop()
		return
	}
	in.release()
}

// release releases what a stopped or terminated instance doesn't keep.
func (in *Instance) release() {
	in.nic.Public.Release()
	in.nic.Public = nil
	if in.target == terminated {
		in.nic.Gone = in.settles
		in.volume.Close()
	}
}

// observer applies the events of a guest to its instance.
type observer struct {
	s  *Instances
	in *Instance
}

// Settled lets the instance become "running".
func (o observer) Settled(g *guest.Guest) {
	o.s.lock.Lock()
	defer o.s.lock.Unlock()
	if o.in.guest == g && o.in.target == running {
		o.in.reached = true
	}
}

// PoweredOff stops or terminates the instance.
func (o observer) PoweredOff(g *guest.Guest) {
	o.s.lock.Lock()
	defer o.s.lock.Unlock()
	if o.in.guest != g || o.in.target != running {
		return
	}
	o.in.reason = stateReason{"Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown"}
	target := stopped
	if o.in.terminates {
		target = terminated
	}
	o.s.powerOff(o.in, target)
}

// Ended completes the end of the instance.
func (o observer) Ended(g *guest.Guest) {
	o.s.lock.Lock()
	defer o.s.lock.Unlock()
	if o.in.guest == g {
		o.in.guest, o.in.reached = nil, true
		o.in.release()
	}
}
