//go:generate packer-sdc struct-markdown

package ami

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
)

// Volumes are the options for the block devices of the AMI's instances.
type Volumes struct {
	// The device name of the root volume: `/dev/sda1` or `/dev/sda` for a paravirtual
	// AMI, `/dev/sda1` or `/dev/xvda` for an hvm AMI. Rumprun requires `/dev/sda1`.
	// Default: `/dev/sda1`, or `/dev/xvda` with the boot method `disk`.
	RootDeviceName string `mapstructure:"root_device_name"`
	// The size of the root volume in GiB. Default: the smallest size that holds
	// the disk and that EBS allows for `volume_type`: 1 for disks that this plugin
	// writes, 4 with `io1` and `io2`. The maximum is 16384 for `gp2` and `io1`, 65536
	// for `gp3` and `io2`, and 1024 for `standard`.
	VolumeSize int32 `mapstructure:"volume_size"`
	// The type of the root volume: `gp2` (the default), `gp3`, `io1`, `io2` or
	// `standard`. EC2 doesn't boot from `st1` and `sc1`.
	VolumeType string `mapstructure:"volume_type"`
	// The IOPS of the root volume: 100 to 64000 for `io1` and 100 to 256000 for
	// `io2`, which require it, and 3000 (the default) to 80000 for `gp3`. A volume has
	// at most 50 (`io1`), 1000 (`io2`) or 500 (`gp3`) for each GiB.
	IOPS int32 `mapstructure:"iops"`
	// The throughput of a `gp3` root volume: 125 (the default) to 2000 MiB/s, and at
	// most a quarter of `iops`.
	Throughput int32 `mapstructure:"throughput"`
	// Delete the root volume when its instance is terminated. Default: `true`.
	DeleteOnTermination config.Trilean `mapstructure:"delete_on_termination"`
	// Further block devices of the AMI, each in a
	// [block](#ami_block_device_mappings-blocks).
	BlockDevices []BlockDevice `mapstructure:"ami_block_device_mappings"`
	// Further volumes with contents, each in a [block](#volume-blocks): a directory
	// becomes an ext2 file system on a volume of its own.
	DataVolumes []DataVolume `mapstructure:"volume"`
}

// BlockDevice is a block device of the AMI besides the root.
type BlockDevice struct {
	// The device name, for example `/dev/sdf`. A paravirtual AMI can have partitions
	// such as `/dev/sdf1`; an hvm AMI can't.
	DeviceName string `mapstructure:"device_name" required:"true"`
	// An instance store volume instead of an EBS volume: `ephemeral0` to
	// `ephemeral23`.
	VirtualName string `mapstructure:"virtual_name"`
	// Hide the instance type's device of this name.
	NoDevice bool `mapstructure:"no_device"`
	// The snapshot that the volume is made from. It stays when the AMI is removed.
	// Default: an empty volume.
	SnapshotID string `mapstructure:"snapshot_id"`
	// The size of the volume in GiB. Default: that of the snapshot. Required for an
	// empty volume.
	VolumeSize int32 `mapstructure:"volume_size"`
	// The type of the volume: `gp2` (the default), `gp3`, `io1`, `io2`, `st1`, `sc1` or
	// `standard`.
	VolumeType string `mapstructure:"volume_type"`
	// As for the root volume.
	IOPS int32 `mapstructure:"iops"`
	// As for the root volume.
	Throughput int32 `mapstructure:"throughput"`
	// Delete the volume when its instance is terminated. Default: `false`.
	DeleteOnTermination bool `mapstructure:"delete_on_termination"`
	// Whether an empty volume is encrypted. Default: the account's setting. A volume
	// from a snapshot is encrypted if the snapshot is.
	Encrypted config.Trilean `mapstructure:"encrypted"`
}

// DataVolume is a volume of the AMI with a directory's files, a snapshot's contents
// or nothing on it.
type DataVolume struct {
	// The device name, for example `/dev/sdf`.
	DeviceName string `mapstructure:"device_name" required:"true"`
	// The directory whose files are put on the volume, in an ext2 file system without
	// partitions, at most 128 MiB. Symbolic links in the directory are rejected. The
	// build makes a snapshot of the file system, which is removed with the AMI.
	SourceDir string `mapstructure:"source_dir"`
	// The snapshot that the volume is made from. It stays when the AMI is removed.
	SnapshotID string `mapstructure:"snapshot_id"`
	// The size of the volume in GiB. Default: the smallest that holds the contents.
	// Required for a volume without `source_dir` and `snapshot_id`, which is empty.
	Size int32 `mapstructure:"size"`
	// The type of the volume: `gp2` (the default), `gp3`, `io1`, `io2`, `st1`, `sc1` or
	// `standard`.
	VolumeType string `mapstructure:"volume_type"`
	// As for the root volume.
	IOPS int32 `mapstructure:"iops"`
	// As for the root volume.
	Throughput int32 `mapstructure:"throughput"`
	// Delete the volume when its instance is terminated. Default: `true`.
	DeleteOnTermination config.Trilean `mapstructure:"delete_on_termination"`
}

const defaultVolumeType = "gp2"

// root is the root volume for a disk of so many GiB.
func (v *Volumes) root(diskSize int32) ami.Volume {
	root := ami.Volume{VolumeSize: v.VolumeSize, VolumeType: v.VolumeType, IOPS: v.IOPS, Throughput: v.Throughput, Keep: v.DeleteOnTermination.False()}
	if root.VolumeSize == 0 {
		root.VolumeSize = root.MinSize()
	}
	root.VolumeSize = max(root.VolumeSize, diskSize)
	return root
}

// devices are all devices besides the root, the data volumes last. Those with a
// directory have no snapshot yet.
func (v *Volumes) devices() []ami.Device {
	var all []ami.Device
	for _, d := range v.BlockDevices {
		all = append(all, ami.Device{
			Name: d.DeviceName, SnapshotID: d.SnapshotID, VirtualName: d.VirtualName, NoDevice: d.NoDevice, Encrypted: d.Encrypted.ToBoolPointer(),
			Volume: ami.Volume{VolumeSize: d.VolumeSize, VolumeType: cmp.Or(d.VolumeType, defaultVolumeType), IOPS: d.IOPS, Throughput: d.Throughput, Keep: !d.DeleteOnTermination},
		})
	}
	for _, d := range v.DataVolumes {
		device := ami.Device{
			Name: d.DeviceName, SnapshotID: d.SnapshotID,
			Volume: ami.Volume{VolumeSize: d.Size, VolumeType: cmp.Or(d.VolumeType, defaultVolumeType), IOPS: d.IOPS, Throughput: d.Throughput, Keep: d.DeleteOnTermination.False()},
		}
		if d.SourceDir != "" && d.Size == 0 {
			device.VolumeSize = device.MinSize()
		}
		all = append(all, device)
	}
	return all
}

// check checks all devices. What depends on the boot method is checked if it is
// known.
func (v *Volumes) check(bootMethod string) []error {
	v.VolumeType = cmp.Or(v.VolumeType, defaultVolumeType)
	root := ami.Volume{VolumeSize: v.VolumeSize, VolumeType: v.VolumeType, IOPS: v.IOPS, Throughput: v.Throughput}
	errs := slices.Concat(root.Check(true), v.checkBlockDevices(), v.checkDataVolumes())
	if method, err := boot.Find(bootMethod); err == nil {
		registration := method.Registration()
		name := cmp.Or(v.RootDeviceName, registration.RootDevice)
		errs = append(errs, ami.CheckRoot(registration.VirtualizationType, name))
		errs = append(errs, ami.CheckDevices(registration.VirtualizationType, name, v.devices())...)
	}
	return errs
}

func (v *Volumes) checkBlockDevices() []error {
	var errs []error
	for i, device := range v.devices()[:len(v.BlockDevices)] {
		faults := device.Check()
		if device.IsVolume() && device.SnapshotID == "" && device.VolumeSize == 0 {
			faults = append(faults, errors.New("one of snapshot_id, volume_size, virtual_name and no_device is required: set one"))
		}
		for _, err := range faults {
			errs = append(errs, fmt.Errorf("ami_block_device_mappings block %d (%s): %w", i+1, device.Name, err))
		}
	}
	return errs
}

func (v *Volumes) checkDataVolumes() []error {
	var errs []error
	for i, device := range v.devices()[len(v.BlockDevices):] {
		option, faults := v.DataVolumes[i], device.Check()
		if option.SourceDir != "" && option.SnapshotID != "" {
			faults = append(faults, errors.New("source_dir and snapshot_id are set: remove one of them"))
		}
		if device.SnapshotID == "" && device.VolumeSize == 0 {
			faults = append(faults, errors.New("one of source_dir, snapshot_id and size is required: set one"))
		}
		for _, err := range faults {
			errs = append(errs, cloud.Worded(fmt.Errorf("volume block %d (%s): %w", i+1, device.Name, err), map[string]string{"VolumeSize": "size"}))
		}
	}
	return errs
}

// explainAll words the errors of package ami for the user, joined ones apart.
func explainAll(errs []error) []error {
	var worded []error
	_ = cloud.Each(errors.Join(errs...), func(one error) error {
		if one != nil {
			worded = append(worded, component.Explain(one))
		}
		return nil
	})
	return worded
}
