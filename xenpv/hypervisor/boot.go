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

// Spec describes a domain to boot.
type Spec struct {
	// Disk is the path of a raw disk, or of any file that holds its bytes.
	// The file is only read: the guest's writes are discarded when it ends.
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
	// PVGRUB is the path of a pv-grub, or of any other PV kernel. It is started
	// instead of the kernel in menu.lst, with the location of menu.lst as its
	// argument. If empty, Xen's pygrub reads menu.lst.
	PVGRUB string
	// Console receives one line that names the loader, then what the guest
	// writes to its Xen console and, for an HVM guest, to its first serial
	// port. It must not block for long: the guest waits for it. It may be nil.
	Console io.Writer
	// Progress receives a line for each slow step, and for each failure that
	// Boot recovered from. It may be nil.
	Progress func(string)
	// Opened is called when a gated forward has been opened, or with the error
	// if it could not be. It must not block for long. It may be nil.
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
	// maxMemoryMiB is the memory of the largest PV instance types with a few
	// cores. It keeps a typing error from exhausting the host's memory.
	maxMemoryMiB = 16 << 10
	maxVCPUs     = 32 // for guests without vcpu_info placement, which unikernels don't use
)

// deviceName matches the disk names that Xen accepts
// (docs/man/xen-vbd-interface.7.pandoc).
var deviceName = regexp.MustCompile(`^(xvd|sd|hd)[a-z][0-9]{0,2}$`)

// maxPVGRUB bounds the size of a pv-grub, which passes through dom0's memory.
// Real ones are under 4 MiB; a Linux kernel used instead has up to some dozen.
const maxPVGRUB = 64 << 20

// guestMAC is the guest's MAC address, in Xen's range. All guests can have the
// same one, because each has a QEMU of its own.
const guestMAC = "00:16:3e:00:00:01"

// Boot starts a domain from a disk and returns when Xen has started it; the
// guest itself may not have executed anything by then. If the domain can't be
// started, the error contains the last lines of output of pygrub, xl or Xen.
// ctx bounds only the boot, not the life of the domain.
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

// create gives the machine its disk, and has dom0 start the guest from it. It
// destroys the domain if that fails.
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

// complete fills in defaults, and rejects invalid values.
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
		return s, fmt.Errorf("memory must be 1 to %d MiB, not %d", maxMemoryMiB, s.MemoryMiB)
	}
	if s.VCPUs < 1 || s.VCPUs > maxVCPUs {
		return s, fmt.Errorf("processors must be 1 to %d, not %d", maxVCPUs, s.VCPUs)
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

// completeVirtualization fills in the defaults that depend on the
// virtualization, and rejects options that it doesn't support.
func (s Spec) completeVirtualization() (Spec, error) {
	device, memory := "sda1", defaultMemoryMiB
	switch s.Virtualization {
	case "", PV:
		s.Virtualization = PV
	case HVM:
		device, memory = "hda", defaultHVMMemoryMiB
		if s.PVGRUB != "" {
			return s, errors.New("pv-grub starts only PV guests: the BIOS of an HVM guest boots the disk")
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

// hvmDevices maps the valid root device names of an HVM guest to the names that
// Xen gets. Xen's device model would make a SCSI disk of sda, unlike EC2, and
// has no disk for a partition name.
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

// request returns the boot request, and the kernel that follows it.
func (s Spec) request(disk *os.File) (request, []byte, error) {
	r := request{Request: "boot", Memory: s.MemoryMiB, VCPUs: s.VCPUs, Device: s.RootDevice, MAC: guestMAC}
	size, err := disk.Seek(0, io.SeekEnd)
	if err != nil {
		return r, nil, fmt.Errorf("find the size of the disk: %w", err)
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

// Loader returns what starts the guest: pygrub, pv-grub and its path, or BIOS.
func (s Spec) Loader() string {
	switch {
	case s.Virtualization == HVM:
		return "BIOS"
	case s.PVGRUB != "":
		return "pv-grub " + s.PVGRUB
	}
	return "pygrub"
}
