package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"
)

// Spec says what is to be booted, and in what surroundings.
type Spec struct {
	// Disk is the path of a raw disk, or of any file that holds its bytes.
	// The file is only read: what the guest writes is forgotten at its end.
	Disk string
	// Virtualization is how Xen runs the guest; PV if empty.
	Virtualization Virtualization
	// RootDevice is the disk's name in the guest. For a PV guest the default is
	// sda1, as on EC2; sda is for a disk with partitions. LING 0.5.0 dies of
	// xvda. An HVM guest's BIOS boots hda, which is the default, or xvda; sda
	// and sda1, which AMIs register, mean hda, as on EC2.
	RootDevice string
	// MemoryMiB is the guest's memory in MiB. The default is 64 for a PV guest
	// and 256 for an HVM guest.
	MemoryMiB int
	// VCPUs is the number of the guest's processors; 1 when 0.
	VCPUs    int
	Network  Network
	Forwards []Forward
	// PVGRUB is the path of a pv-grub, or of any other PV kernel, that is
	// started in place of what menu.lst names, with menu.lst's place as its
	// argument. When empty, Xen's pygrub reads menu.lst.
	PVGRUB string
	// Console receives what the guest writes to its console, after one line
	// that tells how it was started. It must not block for long: the guest
	// waits for it. It may be nil.
	Console io.Writer
	// Progress is told, in a line, of slow steps and of what went wrong but
	// could be helped. It may be nil.
	Progress func(string)
	// Opened is told when a gated forward was opened, or why it could not be. It
	// must not block for long. It may be nil.
	Opened func(Forward, error)
	// KVM uses the host's processor instead of emulation. No state is saved.
	KVM bool
}

// Virtualization is how Xen runs a guest.
type Virtualization string

const (
	// PV is a paravirtual guest: Xen starts its kernel.
	PV Virtualization = "pv"
	// HVM is a guest with emulated hardware: its BIOS boots the disk.
	HVM Virtualization = "hvm"
)

const (
	defaultMemoryMiB = 64
	// defaultHVMMemoryMiB has room for a BIOS, and for Xen's PV shim around a
	// PV guest of the default size.
	defaultHVMMemoryMiB = 256
	// maxMemoryMiB is what the largest instance type that ran PV guests of
	// one core to a few had; it keeps typing errors from the host's memory.
	maxMemoryMiB = 16 << 10
	maxVCPUs     = 32 // of a PV guest without vcpu_info placement, which unikernels don't use
)

// deviceName is what Xen understands as a disk's name
// (docs/man/xen-vbd-interface.7.pandoc).
var deviceName = regexp.MustCompile(`^(xvd|sd|hd)[a-z][0-9]{0,2}$`)

// maxPVGRUB bounds a pv-grub, which goes through dom0's memory: real ones
// are under 4 MiB, Linux kernels in its place up to some dozen.
const maxPVGRUB = 64 << 20

// guestMAC is the guest's card, in the range that belongs to Xen. It can be
// the same for all, as each guest is alone with its QEMU.
const guestMAC = "00:16:3e:00:00:01"

// Boot starts a domain from a disk and returns it when Xen has started it; the
// guest itself may not have done a thing by then. Where the domain can't be
// started the error holds the last lines of what pygrub, xl or Xen said. ctx
// bounds the boot only, not the domain's life.
func Boot(ctx context.Context, spec Spec) (*Domain, error) {
	started := time.Now()
	spec, err := spec.complete()
	if err != nil {
		return nil, err
	}
	disk, err := openDisk(spec.Disk)
	if err != nil {
		return nil, err
	}
	defer disk.Close()
	boot, kernel, err := spec.request(disk)
	if err != nil {
		return nil, err
	}
	bundle, err := spec.openBundle(ctx)
	if err = errors.Join(needPrograms(qemuProgram), err); err != nil {
		return nil, err
	}
	m, err := spec.machine(bundle, disk).boot(ctx, spec.Progress)
	if err != nil {
		return nil, err
	}
	d := &Domain{
		machine: m, spec: spec, started: started,
		created: make(chan struct{}), done: make(chan struct{}),
		times: Times{ToolstackReady: time.Since(started)},
	}
	fmt.Fprintf(spec.Console, "xenpv: started by %s\n", spec.Loader())
	if err := d.create(ctx, boot, kernel); err != nil {
		return nil, err
	}
	go d.openGates()
	return d, nil
}

// openBundle returns the bundle with all that the guest needs.
func (s Spec) openBundle(ctx context.Context) (bundle, error) {
	b, err := openBundle(ctx, s.Progress)
	if err == nil && s.Virtualization == HVM {
		b, err = b.withDeviceModel(ctx, s.Progress)
	}
	return b, err
}

// machine returns the machine for the guest.
func (s Spec) machine(b bundle, disk *os.File) machineSpec {
	hvm := s.Virtualization == HVM
	return machineSpec{
		bundle: b, memoryMiB: machineMiB(s.MemoryMiB, hvm), kvm: s.KVM, hvm: hvm,
		netdev: s.Network.netdev(s.Forwards), disk: disk,
	}
}

// create has the machine see its disk, and has dom0 start the guest from it; the
// domain is destroyed if that fails.
func (d *Domain) create(ctx context.Context, boot request, kernel []byte) error {
	go d.follow()
	stop := context.AfterFunc(ctx, func() { _ = d.machine.agent.SetWriteDeadline(time.Now()) })
	defer stop()
	err := d.machine.ask(boot)
	if err == nil {
		_, err = d.machine.agent.Write(kernel)
	}
	if err == nil {
		err = d.machine.showDisk(ctx, boot.Sectors*sectorSize)
	}
	if err == nil {
		select {
		case <-d.created:
			return nil
		case <-d.done:
			err = d.ended()
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	d.Destroy()
	return err
}

// complete fills in defaults, and refuses what can't be booted.
func (s Spec) complete() (Spec, error) {
	var err error
	if s, err = s.completeVirtualization(); err != nil {
		return s, err
	}
	if s.VCPUs == 0 {
		s.VCPUs = 1
	}
	if s.Console == nil {
		s.Console = io.Discard
	}
	if s.Progress == nil {
		s.Progress = func(string) {}
	}
	if s.Opened == nil {
		s.Opened = func(Forward, error) {}
	}
	if s.MemoryMiB < 1 || s.MemoryMiB > maxMemoryMiB {
		return s, fmt.Errorf("a guest's memory must be 1 to %d MiB, not %d", maxMemoryMiB, s.MemoryMiB)
	}
	if s.VCPUs < 1 || s.VCPUs > maxVCPUs {
		return s, fmt.Errorf("a guest's processors must be 1 to %d, not %d", maxVCPUs, s.VCPUs)
	}
	if s.Network, err = s.Network.complete(); err != nil {
		return s, err
	}
	for _, f := range s.Forwards {
		err = errors.Join(err, f.check())
	}
	return s, errors.Join(err, s.checkGates())
}

// ErrNoBootSector means that the BIOS of an HVM guest would not boot the disk.
var ErrNoBootSector = errors.New("the disk has no boot sector: its first sector must end in the bytes 55 AA")

// completeVirtualization fills in the defaults that depend on the kind of
// guest, and refuses what doesn't fit it.
func (s Spec) completeVirtualization() (Spec, error) {
	device, memory := "sda1", defaultMemoryMiB
	switch s.Virtualization {
	case "", PV:
		s.Virtualization = PV
	case HVM:
		device, memory = "hda", defaultHVMMemoryMiB
		if s.PVGRUB != "" {
			return s, errors.New("pv-grub starts only PV guests: an HVM guest boots the disk by its BIOS")
		}
	default:
		return s, fmt.Errorf("virtualization must be %s or %s, not %q", PV, HVM, s.Virtualization)
	}
	if s.RootDevice == "" {
		s.RootDevice = device
	}
	if s.MemoryMiB == 0 {
		s.MemoryMiB = memory
	}
	if !deviceName.MatchString(s.RootDevice) {
		return s, fmt.Errorf("root device %q is not a name such as sda1 or xvda", s.RootDevice)
	}
	if s.Virtualization == HVM {
		name, ok := hvmDevices[s.RootDevice]
		if !ok {
			return s, fmt.Errorf("root device %q of an HVM guest must be hda, xvda, sda or sda1", s.RootDevice)
		}
		s.RootDevice = name
	}
	return s, nil
}

// hvmDevices are the names that an HVM guest's root device may have, and what
// Xen is told. Of a disk called sda Xen's device model makes a SCSI disk, which
// EC2 doesn't have, and of a partition none.
var hvmDevices = map[string]string{"hda": "hda", "xvda": "xvda", "sda": "hda", "sda1": "hda"}

// machineMiB is the memory of the machine for a guest: a power of two, so that
// few saved states serve all guests.
func machineMiB(guest int, hvm bool) int {
	machine := 1 << 10
	for machine < guest+guest/32+dom0Memory(hvm)+xenMiB {
		machine *= 2
	}
	return machine
}

// request is what dom0 is asked to boot, and the kernel that goes with it.
func (s Spec) request(disk *os.File) (request, []byte, error) {
	r := request{Request: "boot", Memory: s.MemoryMiB, VCPUs: s.VCPUs, Device: s.RootDevice, MAC: guestMAC}
	size, err := disk.Seek(0, io.SeekEnd)
	if err != nil {
		return r, nil, fmt.Errorf("find the disk's size: %w", err)
	}
	r.Sectors = (size + sectorSize - 1) / sectorSize
	if s.Virtualization == HVM && number(disk, bootMagicOffset) != bootMagic {
		return r, nil, fmt.Errorf("%s: %w", s.Disk, ErrNoBootSector)
	}
	if s.PVGRUB == "" {
		return r, nil, nil
	}
	file, err := os.Open(s.PVGRUB)
	if err != nil {
		return r, nil, fmt.Errorf("read pv-grub: %w", err)
	}
	defer file.Close()
	kernel, err := io.ReadAll(io.LimitReader(file, maxPVGRUB+1))
	if err != nil {
		return r, nil, fmt.Errorf("read pv-grub: %w", err)
	}
	if len(kernel) == 0 || len(kernel) > maxPVGRUB {
		return r, nil, fmt.Errorf("read pv-grub: %s is empty or larger than %d bytes", s.PVGRUB, maxPVGRUB)
	}
	r.Kernel, r.Args = len(kernel), menuPlace(disk)
	return r, kernel, nil
}

// Loader names what starts the guest: pygrub, pv-grub and its path, or the BIOS.
func (s Spec) Loader() string {
	switch {
	case s.Virtualization == HVM:
		return "BIOS"
	case s.PVGRUB != "":
		return "pv-grub " + s.PVGRUB
	}
	return "pygrub"
}
