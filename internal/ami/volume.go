package ami

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// A Volume is an EBS volume that instances of an AMI get. Zero values leave the
// choice to EC2.
type Volume struct {
	VolumeSize int32  // GiB
	VolumeType string // for example "gp2"
	IOPS       int32
	Throughput int32 // MiB/s
	Keep       bool  // the volume outlives the instance
}

// volumeType has EBS's limits for a type of volume
// (https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html).
type volumeType struct {
	minSize, maxSize int32 // GiB
	minIOPS, maxIOPS int32 // 0: can't be set
	iopsPerGiB       int64
	needsIOPS        bool
	throughput       bool // can be set
	noRoot           bool
}

var volumeTypes = map[string]volumeType{
	"standard": {minSize: 1, maxSize: 1024},
	"gp2":      {minSize: 1, maxSize: 16384},
	"gp3":      {minSize: 1, maxSize: 65536, minIOPS: 3000, maxIOPS: 80000, iopsPerGiB: 500, throughput: true},
	"io1":      {minSize: 4, maxSize: 16384, minIOPS: 100, maxIOPS: 64000, iopsPerGiB: 50, needsIOPS: true},
	"io2":      {minSize: 4, maxSize: 65536, minIOPS: 100, maxIOPS: 256000, iopsPerGiB: 1000, needsIOPS: true},
	"st1":      {minSize: 125, maxSize: 16384, noRoot: true},
	"sc1":      {minSize: 125, maxSize: 16384, noRoot: true},
}

// The limits of a gp3 volume's throughput in MiB/s. It has at most a quarter of
// the IOPS.
const (
	minThroughput = 125
	maxThroughput = 2000
)

// MinSize is the smallest size in GiB of a volume of the type; 1 if the type is
// unknown.
func (v Volume) MinSize() int32 { return max(1, volumeTypes[v.VolumeType].minSize) }

// Check returns everything that EBS rejects in a volume that is to have a type. A
// size of 0 isn't known yet.
func (v Volume) Check(root bool) []error {
	kind, known := volumeTypes[v.VolumeType]
	if !known {
		all := strings.Join(slices.Sorted(maps.Keys(volumeTypes)), ", ")
		return []error{fmt.Errorf("{VolumeType} is %q: it must be one of %s", v.VolumeType, all)}
	}
	var errs []error
	if root && kind.noRoot {
		errs = append(errs, fmt.Errorf("{VolumeType} is %s: EC2 doesn't boot from such volumes; use gp3, gp2, io2, io1 or standard", v.VolumeType))
	}
	if v.VolumeSize < 0 || v.VolumeSize != 0 && (v.VolumeSize < kind.minSize || v.VolumeSize > kind.maxSize) {
		errs = append(errs, fmt.Errorf("{VolumeSize} is %d: a volume of type %s has %d to %d GiB", v.VolumeSize, v.VolumeType, kind.minSize, kind.maxSize))
	}
	return append(errs, v.checkPerformance(kind)...)
}

func (v Volume) checkPerformance(kind volumeType) []error {
	var errs []error
	switch iops := v.IOPS; {
	case iops == 0 && kind.needsIOPS:
		errs = append(errs, fmt.Errorf("{IOPS} is not set: volumes of type %s need it, %d to %d", v.VolumeType, kind.minIOPS, kind.maxIOPS))
	case iops == 0:
	case kind.maxIOPS == 0:
		errs = append(errs, fmt.Errorf("{IOPS} is %d, but {VolumeType} is %s: only gp3, io1 and io2 have it", iops, v.VolumeType))
	case iops < kind.minIOPS || iops > kind.maxIOPS:
		errs = append(errs, fmt.Errorf("{IOPS} is %d: a volume of type %s has %d to %d", iops, v.VolumeType, kind.minIOPS, kind.maxIOPS))
	case v.VolumeSize > 0 && iops > kind.minIOPS && int64(iops) > int64(v.VolumeSize)*kind.iopsPerGiB:
		errs = append(errs, fmt.Errorf("{IOPS} is %d: a volume of type %s has at most %d for each GiB, and this one has %d GiB: set {VolumeSize} to at least %d",
			iops, v.VolumeType, kind.iopsPerGiB, v.VolumeSize, (int64(iops)+kind.iopsPerGiB-1)/kind.iopsPerGiB))
	}
	switch throughput := v.Throughput; {
	case throughput == 0:
	case !kind.throughput:
		errs = append(errs, fmt.Errorf("{Throughput} is %d, but {VolumeType} is %s: only gp3 has it", throughput, v.VolumeType))
	case throughput < minThroughput || throughput > maxThroughput:
		errs = append(errs, fmt.Errorf("{Throughput} is %d: it must be %d to %d MiB/s", throughput, minThroughput, maxThroughput))
	case throughput*4 > max(v.IOPS, kind.minIOPS):
		errs = append(errs, fmt.Errorf("{Throughput} is %d: it can be at most a quarter of {IOPS}, which is %d: set {IOPS} to at least %d", throughput, max(v.IOPS, kind.minIOPS), throughput*4))
	}
	return errs
}

// ebs is the volume in a request, made from a snapshot unless that is "".
func (v Volume) ebs(snapshotID string) *types.EbsBlockDevice {
	device := &types.EbsBlockDevice{VolumeType: types.VolumeType(v.VolumeType), DeleteOnTermination: aws.Bool(!v.Keep)}
	if snapshotID != "" {
		device.SnapshotId = aws.String(snapshotID)
	}
	for _, number := range []struct {
		value int32
		to    **int32
	}{{v.VolumeSize, &device.VolumeSize}, {v.IOPS, &device.Iops}, {v.Throughput, &device.Throughput}} {
		if number.value != 0 {
			*number.to = aws.Int32(number.value)
		}
	}
	return device
}
