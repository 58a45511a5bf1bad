package ami

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// A Device is a block device of an AMI besides the root.
type Device struct {
	Name        string // for example "/dev/sdf"
	Volume             // if it is an EBS volume
	SnapshotID  string // "" for an empty volume
	Encrypted   *bool  // of an empty volume; nil leaves it to the account
	VirtualName string // of an instance store volume, for example "ephemeral0"
	NoDevice    bool   // the instance doesn't get the instance type's device of this name
}

// IsVolume reports whether the device is an EBS volume.
func (d Device) IsVolume() bool { return d.VirtualName == "" && !d.NoDevice }

// mapping is the device in a request.
func (d Device) mapping() types.BlockDeviceMapping {
	mapping := types.BlockDeviceMapping{DeviceName: aws.String(d.Name)}
	switch {
	case d.NoDevice:
		mapping.NoDevice = aws.String("")
	case d.VirtualName != "":
		mapping.VirtualName = aws.String(d.VirtualName)
	default:
		mapping.Ebs = d.ebs(d.SnapshotID)
		mapping.Ebs.Encrypted = d.Encrypted
	}
	return mapping
}

// Device names (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html).
// The table there has no /dev/xvd for paravirtual AMIs, but EC2 accepts it.
var (
	pvName    = regexp.MustCompile(`^/dev/(sd|xvd)[a-z]([1-9]|1[0-5])?$`)
	hvmName   = regexp.MustCompile(`^/dev/(sd[b-z]|xvd[b-z]|xvd[b-d][a-z])$`)
	ephemeral = regexp.MustCompile(`^ephemeral([0-9]|1[0-9]|2[0-3])$`)
)

// SnapshotID matches the ids of snapshots.
var SnapshotID = regexp.MustCompile(`^snap-([0-9a-f]{8}|[0-9a-f]{17})$`)

// CheckRoot checks the device name of a root volume.
func CheckRoot(virtualization, root string) error {
	names, why := []string{"/dev/sda1", "/dev/xvda"}, "EC2 reserves these names for the root of hvm AMIs"
	if virtualization == paravirtual {
		names, why = []string{PVRootDevice, "/dev/sda"}, "PV-GRUB boots from the disk with the lowest number, and every instance store volume called /dev/sd… has a lower one than /dev/xvda"
	}
	if slices.Contains(names, root) {
		return nil
	}
	return fmt.Errorf("{RootDevice} is %q: it must be %s: %s", root, strings.Join(names, " or "), why)
}

// CheckDevices checks the names of all devices of an AMI.
func CheckDevices(virtualization, root string, devices []Device) []error {
	var errs []error
	taken := map[string]bool{root: true}
	for _, d := range devices {
		if err := checkName(virtualization, root, d.Name); err != nil {
			errs = append(errs, fmt.Errorf("device %s: %w", d.Name, err))
		}
		if taken[d.Name] {
			errs = append(errs, fmt.Errorf("device %s is used twice: use another {DeviceName} for one of them", d.Name))
		}
		taken[d.Name] = true
	}
	for name := range taken {
		if disk := strings.TrimRight(name, "0123456789"); disk != name && name != root && taken[disk] {
			errs = append(errs, fmt.Errorf("device %s is a partition of %s: EC2 doesn't allow both; use another {DeviceName} for one of them", name, disk))
		}
	}
	return errs
}

func checkName(virtualization, root, name string) error {
	pv := virtualization == paravirtual
	switch {
	case strings.HasPrefix(name, "/dev/nvme"):
		return errors.New("the instance's operating system makes NVMe names: use a name such as /dev/sdf in {DeviceName}")
	case pv && strings.HasPrefix(name, "/dev/hd"), pv && name == "/dev/sda" && root != name:
		return errors.New("PV-GRUB boots from the disk with the lowest number, which would be this one and not the root: use a name such as /dev/sdf in {DeviceName}")
	case pv && !pvName.MatchString(name):
		return errors.New("a paravirtual AMI has names such as /dev/sdf and /dev/sdf1: correct {DeviceName}")
	case !pv && strings.TrimRight(name, "0123456789") != name && name != root:
		return errors.New("an hvm AMI has whole disks, without a number: use a name such as /dev/sdf in {DeviceName}")
	case !pv && !hvmName.MatchString(name) && name != root:
		return errors.New("an hvm AMI has names from /dev/sdb to /dev/sdz and from /dev/xvdb to /dev/xvddz: correct {DeviceName}")
	}
	return nil
}

// checkSnapshots checks the snapshots that devices are made from, and completes
// the sizes of their volumes.
func (p *Plan) checkSnapshots(ctx context.Context, s *cloud.Session) error {
	var ids []string
	for _, d := range p.Devices {
		if d.SnapshotID != "" {
			ids = append(ids, d.SnapshotID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := snapshot.Find(ctx, s, ids...)
	errs := []error{err}
	for i := range p.Devices {
		if one, ok := found[p.Devices[i].SnapshotID]; ok {
			errs = append(errs, p.Devices[i].setSize(one))
		}
	}
	return errors.Join(errs...)
}

// setSize completes the size of a volume that is made from a snapshot.
func (d *Device) setSize(from types.Snapshot) error {
	size := aws.ToInt32(from.VolumeSize)
	if d.VolumeSize != 0 && d.VolumeSize < size {
		return fmt.Errorf("device %s: {VolumeSize} is %d, but %s has %d GiB: set it to at least that, or remove it", d.Name, d.VolumeSize, d.SnapshotID, size)
	}
	if d.VolumeSize == 0 {
		d.VolumeSize = max(size, d.MinSize())
	}
	if err := errors.Join(d.Volume.Check(false)...); err != nil {
		return fmt.Errorf("device %s: %w", d.Name, err)
	}
	return nil
}

// Check checks what a device is, but not its name.
func (d Device) Check() []error {
	var errs []error
	if d.Name == "" {
		errs = append(errs, errors.New("{DeviceName} is not set: set it to a name such as /dev/sdf"))
	}
	if d.VirtualName != "" && !ephemeral.MatchString(d.VirtualName) {
		errs = append(errs, fmt.Errorf("{VirtualName} is %q: it must be ephemeral0 to ephemeral23", d.VirtualName))
	}
	if d.VirtualName != "" && d.NoDevice {
		errs = append(errs, errors.New("{VirtualName} and {NoDevice} are set: remove one of them"))
	}
	other := d
	other.Name, other.VirtualName, other.NoDevice, other.VolumeType, other.Keep = "", "", false, "", false
	if !d.IsVolume() {
		if other != (Device{}) {
			errs = append(errs, errors.New("{VirtualName} or {NoDevice} is set: the options of an EBS volume don't apply; remove them"))
		}
		return errs
	}
	if d.SnapshotID != "" && !SnapshotID.MatchString(d.SnapshotID) {
		errs = append(errs, fmt.Errorf("{SnapshotID} is %q: a snapshot's ID is snap- followed by 8 or 17 hexadecimal digits", d.SnapshotID))
	}
	if d.SnapshotID != "" && d.Encrypted != nil {
		errs = append(errs, errors.New("{Encrypted} and {SnapshotID} are set: a volume of an AMI is encrypted if its snapshot is; remove {Encrypted}"))
	}
	return append(errs, d.Volume.Check(false)...)
}
