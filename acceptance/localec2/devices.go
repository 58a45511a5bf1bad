package localec2

import (
	"regexp"
	"slices"
	"strings"
)

// mapping is one device of an image.
type mapping struct {
	device, virtual  string
	noDevice         bool
	snapshot         string
	size             int // GiB
	volumeType       string
	iops, throughput int
	delete           bool
	encrypted        bool
	kmsKey           string
}

// deviceItem is a device as DescribeImages shows it.
type deviceItem struct {
	Name     string      `xml:"deviceName"`
	Virtual  string      `xml:"virtualName,omitempty"`
	NoDevice string      `xml:"noDevice,omitempty"`
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

func (m mapping) item() deviceItem {
	item := deviceItem{Name: m.device, Virtual: m.virtual}
	if m.virtual == "" && !m.noDevice {
		item.Ebs = &volumeItem{m.snapshot, m.size, m.delete, m.volumeType, m.iops, m.throughput, m.encrypted, m.kmsKey}
	}
	return item
}

// volumeKind holds EBS's limits on a type of volume (Amazon EBS User Guide,
// "EBS volume types"): sizes in GiB, IOPS (zero where they can't be chosen).
type volumeKind struct {
	minSize, maxSize int
	minIops, maxIops int
	needsIops, boots bool
	maxThroughput    int // MiB/s
}

var volumeKinds = map[string]volumeKind{
	"standard": {minSize: 1, maxSize: 1024, boots: true},
	"gp2":      {minSize: 1, maxSize: 16384, boots: true},
	"gp3":      {minSize: 1, maxSize: 65536, minIops: 3000, maxIops: 80000, boots: true, maxThroughput: 2000},
	"io1":      {minSize: 4, maxSize: 16384, minIops: 100, maxIops: 64000, needsIops: true, boots: true},
	"io2":      {minSize: 4, maxSize: 65536, minIops: 100, maxIops: 256000, needsIops: true, boots: true},
	"st1":      {minSize: 125, maxSize: 16384},
	"sc1":      {minSize: 125, maxSize: 16384},
}

// Device names that EC2 takes (Amazon EC2 User Guide, "Device naming"). The
// table there has no /dev/xvd for paravirtual images, but EC2 took it from
// CoreOS, so it is taken here.
var (
	pvDevice  = regexp.MustCompile(`^/dev/((sd|hd|xvd)[a-z]([1-9]|1[0-5])?)$`)
	hvmDevice = regexp.MustCompile(`^/dev/(sd[a-z]|sda1|xvd[a-d][a-z]|xvd[a-z])$`)
	ephemeral = regexp.MustCompile(`^ephemeral([0-9]|1[0-9]|2[0-3])$`)
)

// readMappings reads and checks BlockDeviceMapping.N.
func (s *Server) readMappings(c *call, virtualization string) ([]mapping, error) {
	var all []mapping
	for _, f := range c.form.list("BlockDeviceMapping") {
		m, err := s.readMapping(c, f)
		if err != nil {
			return nil, err
		}
		names := hvmDevice
		if virtualization == paravirtual {
			names = pvDevice
		}
		if !names.MatchString(m.device) {
			return nil, badDevice("Invalid device name %s", m.device)
		}
		if slices.ContainsFunc(all, func(o mapping) bool { return o.device == m.device }) {
			return nil, badDevice("The device '%s' is used in more than one block-device mapping", m.device)
		}
		all = append(all, m)
	}
	return all, nil
}

func badDevice(format string, args ...any) *apiError {
	return bad("InvalidBlockDeviceMapping", format, args...)
}

func (s *Server) readMapping(c *call, f *form) (mapping, error) {
	if err := f.only("DeviceName", "VirtualName", "NoDevice", "Ebs"); err != nil {
		return mapping{}, err
	}
	m := mapping{device: f.text("DeviceName"), virtual: f.text("VirtualName"), noDevice: f.has("NoDevice")}
	switch {
	case m.device == "":
		return m, badDevice("Missing device name")
	case m.noDevice:
		return m, nil
	case m.virtual != "" && !ephemeral.MatchString(m.virtual):
		return m, badDevice("Invalid virtual name %s", m.virtual)
	case m.virtual != "" && f.has("Ebs"):
		return m, badDevice("The device '%s' can't be both virtual and an EBS volume", m.device)
	case m.virtual != "":
		return m, nil
	}
	return m, s.readVolume(c, f.at("Ebs"), &m)
}

// readVolume reads the Ebs part of a mapping.
func (s *Server) readVolume(c *call, f *form, m *mapping) (err error) {
	if err = f.only("SnapshotId", "VolumeSize", "VolumeType", "Iops", "Throughput", "DeleteOnTermination", "Encrypted", "KmsKeyId"); err != nil {
		return err
	}
	m.snapshot, m.kmsKey = f.text("SnapshotId"), f.text("KmsKeyId")
	m.volumeType = strings.ToLower(f.text("VolumeType"))
	if m.volumeType == "" {
		m.volumeType = "standard"
	}
	if m.size, err = f.number("VolumeSize"); err != nil {
		return err
	}
	if m.iops, err = f.number("Iops"); err != nil {
		return err
	}
	if m.throughput, err = f.number("Throughput"); err != nil {
		return err
	}
	if m.delete, err = f.flag("DeleteOnTermination", true); err != nil {
		return err
	}
	if m.encrypted, err = f.flag("Encrypted", false); err != nil {
		return err
	}
	if err = s.checkSource(c, f, m); err != nil {
		return err
	}
	return m.checkVolume()
}

// checkSource checks the snapshot that a volume is made from. The wording is
// EC2's, as users report it (hashicorp/packer#1500 and others), but for some of
// it from other calls that take a mapping: "is not 'completed'" with
// IncorrectState (tschellenbach/Snaptastic#17), and "the encrypted flag" from
// launches, where its code is not on record.
func (s *Server) checkSource(c *call, f *form, m *mapping) error {
	if m.snapshot == "" {
		if !f.has("VolumeSize") {
			return badDevice("Either snapshot ID or volume size must be provided for: %s", m.device)
		}
		return nil
	}
	if f.has("Encrypted") {
		return badDevice("the encrypted flag cannot be specified since device %s has a snapshot specified.", m.device)
	}
	sn, err := s.findSnapshot(c, m.snapshot)
	if err != nil {
		return err
	}
	if sn.state(s.opts.Now()) != completed {
		return bad("IncorrectState", "Snapshot '%s' is not 'completed'.", m.snapshot)
	}
	if !f.has("VolumeSize") {
		m.size = int(sn.sizeGiB)
	}
	if int64(m.size) < sn.sizeGiB {
		return badDevice("Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", m.size, m.snapshot, sn.sizeGiB)
	}
	m.encrypted, m.kmsKey = sn.encrypted, sn.kmsKey
	return nil
}

// checkVolume checks size and performance against the volume's type.
func (m *mapping) checkVolume() error {
	kind, known := volumeKinds[m.volumeType]
	switch {
	case !known:
		return bad("InvalidParameterValue", "Invalid volume type: %s", m.volumeType)
	case m.size < kind.minSize:
		return bad("InvalidParameterValue", "Volume of %dGiB is too small for volume type %s; minimum is %dGiB.", m.size, m.volumeType, kind.minSize)
	case m.size > kind.maxSize:
		return bad("InvalidParameterValue", "Volume of %dGiB is too large for volume type %s; maximum is %dGiB.", m.size, m.volumeType, kind.maxSize)
	case m.iops != 0 && kind.maxIops == 0:
		return bad("InvalidParameterCombination", "The parameter iops is not supported for %s volumes.", m.volumeType)
	case m.iops == 0 && kind.needsIops:
		return bad("MissingParameter", "The parameter iops must be specified for %s volumes.", m.volumeType)
	case m.iops != 0 && (m.iops < kind.minIops || m.iops > kind.maxIops):
		return bad("InvalidParameterValue", "Volume iops of %d is not between %d and %d.", m.iops, kind.minIops, kind.maxIops)
	case m.throughput != 0 && kind.maxThroughput == 0:
		return bad("InvalidParameterCombination", "The parameter throughput is not supported for %s volumes.", m.volumeType)
	case m.throughput > kind.maxThroughput:
		return bad("InvalidParameterValue", "Volume throughput of %d is over %d MiB/s.", m.throughput, kind.maxThroughput)
	}
	return nil
}
