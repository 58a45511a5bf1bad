package image

import (
	"regexp"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// Mapping is a block device of an image.
type Mapping struct {
	Device           string
	Snapshot         string
	Size             int  // GiB
	Delete           bool // when the instance is terminated
	virtual          string
	noDevice         bool
	volumeType       string
	iops, throughput int
	encrypted        bool
	kmsKey           string
}

// deviceItem is a block device in DescribeImages.
type deviceItem struct {
	Name     string      `xml:"deviceName"`
	Virtual  string      `xml:"virtualName,omitempty"`
	NoDevice *string     `xml:"noDevice"`
	Ebs      *volumeItem `xml:"ebs"`
}

type volumeItem struct {
	SnapshotID string `xml:"snapshotId,omitempty"`
	Size       int    `xml:"volumeSize"`
	Delete     bool   `xml:"deleteOnTermination"`
	Type       string `xml:"volumeType"`
	Iops       int    `xml:"iops,omitempty"`
	Throughput int    `xml:"throughput,omitempty"`
	Encrypted  bool   `xml:"encrypted"`
	KmsKeyID   string `xml:"kmsKeyId,omitempty"`
}

func (m Mapping) item() deviceItem {
	item := deviceItem{Name: m.Device, Virtual: m.virtual}
	if m.noDevice {
		item.NoDevice = new(string) // an empty element
	} else if m.virtual == "" {
		item.Ebs = &volumeItem{m.Snapshot, m.Size, m.Delete, m.volumeType, m.iops, m.throughput, m.encrypted, m.kmsKey}
	}
	return item
}

// volumeLimits are EBS's limits for a type of volume (Amazon EBS User Guide,
// "EBS volume types"): sizes in GiB, IOPS (zero if they can't be set).
type volumeLimits struct {
	minSize, maxSize int
	minIops, maxIops int
	iopsPerGiB       int
	needsIops, boots bool
	maxThroughput    int // MiB/s, and at most a quarter of the IOPS
}

var volumeTypes = map[string]volumeLimits{
	"standard": {minSize: 1, maxSize: 1024, boots: true},
	"gp2":      {minSize: 1, maxSize: 16384, boots: true},
	"gp3":      {minSize: 1, maxSize: 65536, minIops: 3000, maxIops: 80000, iopsPerGiB: 500, boots: true, maxThroughput: 2000},
	"io1":      {minSize: 4, maxSize: 16384, minIops: 100, maxIops: 64000, iopsPerGiB: 50, needsIops: true, boots: true},
	"io2":      {minSize: 4, maxSize: 65536, minIops: 100, maxIops: 256000, iopsPerGiB: 1000, needsIops: true, boots: true},
	"st1":      {minSize: 125, maxSize: 16384},
	"sc1":      {minSize: 125, maxSize: 16384},
}

// Device names that EC2 accepts (Amazon EC2 User Guide, "Device naming"). The
// table there has no /dev/xvd for paravirtual images, but EC2 accepted it from
// CoreOS.
var (
	pvDevice  = regexp.MustCompile(`^/dev/((sd|hd|xvd)[a-z]([1-9]|1[0-5])?)$`)
	hvmDevice = regexp.MustCompile(`^/dev/(sd[a-z]|sda1|xvd[a-d][a-z]|xvd[a-z])$`)
	ephemeral = regexp.MustCompile(`^ephemeral([0-9]|1[0-9]|2[0-3])$`)
)

// readMappings reads and checks BlockDeviceMapping.N.
func (s *Images) readMappings(c *query.Call, virtualization string) ([]Mapping, error) {
	var all []Mapping
	for _, f := range c.Form.List("BlockDeviceMapping") {
		m, err := s.readMapping(c, f)
		if err != nil {
			return nil, err
		}
		names := hvmDevice
		if virtualization == Paravirtual {
			names = pvDevice
		}
		if !names.MatchString(m.Device) {
			return nil, BadDevice("Invalid device name %s", m.Device)
		}
		if slices.ContainsFunc(all, func(o Mapping) bool { return o.Device == m.Device }) {
			return nil, BadDevice("The device '%s' is used in more than one block-device mapping", m.Device)
		}
		all = append(all, m)
	}
	return all, nil
}

// BadDevice returns EC2's error for a bad block device mapping.
func BadDevice(format string, args ...any) *api.Error {
	return api.Bad("InvalidBlockDeviceMapping", format, args...)
}

func (s *Images) readMapping(c *query.Call, f *query.Form) (Mapping, error) {
	if err := f.Only("DeviceName", "VirtualName", "NoDevice", "Ebs"); err != nil {
		return Mapping{}, err
	}
	m := Mapping{Device: f.Text("DeviceName"), virtual: f.Text("VirtualName"), noDevice: f.Has("NoDevice")}
	switch {
	case m.Device == "":
		return m, BadDevice("Missing device name")
	case m.noDevice:
		return m, nil
	case m.virtual != "" && !ephemeral.MatchString(m.virtual):
		return m, BadDevice("Invalid virtual name %s", m.virtual)
	case m.virtual != "" && f.Has("Ebs"):
		return m, BadDevice("The device '%s' can't be both virtual and an EBS volume", m.Device)
	case m.virtual != "":
		return m, nil
	}
	return m, s.readVolume(c, f.At("Ebs"), &m)
}

// readVolume reads the Ebs part of a mapping.
func (s *Images) readVolume(c *query.Call, f *query.Form, m *Mapping) (err error) {
	if err = f.Only("SnapshotId", "VolumeSize", "VolumeType", "Iops", "Throughput", "DeleteOnTermination", "Encrypted", "KmsKeyId"); err != nil {
		return err
	}
	if f.Has("KmsKeyId") { // documented as supported for launches only
		return BadDevice("The parameter KmsKeyId is not supported for the block devices of an image: %s", m.Device)
	}
	m.Snapshot = f.Text("SnapshotId")
	m.volumeType = strings.ToLower(f.Text("VolumeType"))
	if m.volumeType == "" {
		m.volumeType = "standard"
	}
	if m.Size, err = f.Number("VolumeSize"); err != nil {
		return err
	}
	if m.iops, err = f.Number("Iops"); err != nil {
		return err
	}
	if m.throughput, err = f.Number("Throughput"); err != nil {
		return err
	}
	if m.Delete, err = f.Flag("DeleteOnTermination", true); err != nil {
		return err
	}
	if m.encrypted, err = f.Flag("Encrypted", false); err != nil {
		return err
	}
	if err = s.checkSource(c, f, m); err != nil {
		return err
	}
	return m.checkVolume()
}

// checkSource checks the snapshot of a volume. The wording is EC2's, as users
// report it (hashicorp/packer#1500 and others), some of it from other calls
// with mappings: "is not 'completed'" with IncorrectState
// (tschellenbach/Snaptastic#17), and "the encrypted flag" from launches, whose
// error code is not known.
func (s *Images) checkSource(c *query.Call, f *query.Form, m *Mapping) error {
	if m.Snapshot == "" {
		if !f.Has("VolumeSize") {
			return BadDevice("Either snapshot ID or volume size must be provided for: %s", m.Device)
		}
		return nil
	}
	if f.Has("Encrypted") {
		return BadDevice("the encrypted flag cannot be specified since device %s has a snapshot specified.", m.Device)
	}
	sn, err := s.FindSnapshot(c.Region, m.Snapshot)
	if err != nil {
		return err
	}
	if sn.State != snapshot.Completed {
		return api.Bad("IncorrectState", "Snapshot '%s' is not 'completed'.", m.Snapshot)
	}
	if !f.Has("VolumeSize") {
		m.Size = int(sn.SizeGiB)
	}
	if int64(m.Size) < sn.SizeGiB {
		return BadDevice("Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", m.Size, m.Snapshot, sn.SizeGiB)
	}
	m.encrypted, m.kmsKey = sn.Encrypted, sn.KMSKey
	return nil
}

// checkVolume checks size and performance against the limits of the volume's
// type.
func (m *Mapping) checkVolume() error {
	limits, known := volumeTypes[m.volumeType]
	switch {
	case !known:
		return api.Bad("InvalidParameterValue", "Invalid volume type: %s", m.volumeType)
	case m.Size < limits.minSize:
		return api.Bad("InvalidParameterValue", "Volume of %dGiB is too small for volume type %s; minimum is %dGiB.", m.Size, m.volumeType, limits.minSize)
	case m.Size > limits.maxSize:
		return api.Bad("InvalidParameterValue", "Volume of %dGiB is too large for volume type %s; maximum is %dGiB.", m.Size, m.volumeType, limits.maxSize)
	case m.iops != 0 && limits.maxIops == 0:
		return api.Bad("InvalidParameterCombination", "The parameter iops is not supported for %s volumes.", m.volumeType)
	case m.iops == 0 && limits.needsIops:
		return api.Bad("MissingParameter", "The parameter iops must be specified for %s volumes.", m.volumeType)
	case m.iops != 0 && (m.iops < limits.minIops || m.iops > limits.maxIops):
		return api.Bad("InvalidParameterValue", "Volume iops of %d is not between %d and %d.", m.iops, limits.minIops, limits.maxIops)
	case m.throughput != 0 && limits.maxThroughput == 0:
		return api.Bad("InvalidParameterCombination", "The parameter throughput is not supported for %s volumes.", m.volumeType)
	case m.iops > limits.minIops && m.iops > m.Size*limits.iopsPerGiB:
		return api.Bad("InvalidParameterValue", "Iops to volume size ratio of %d:%d is too high; maximum is %d:1.", m.iops, m.Size, limits.iopsPerGiB)
	case m.throughput*4 > max(m.iops, limits.minIops):
		return api.Bad("InvalidParameterValue", "Throughput (MiBps) to iops ratio of %d:%d is too high; maximum is 0.25:1.", m.throughput, max(m.iops, limits.minIops))
	case m.throughput > limits.maxThroughput:
		return api.Bad("InvalidParameterValue", "Volume throughput of %d is over %d MiB/s.", m.throughput, limits.maxThroughput)
	}
	return nil
}
