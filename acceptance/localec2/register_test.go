package localec2

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// changes says how a request that would succeed is changed.
type change func(in *ec2.RegisterImageInput)

func device(f func(d *types.BlockDeviceMapping)) change {
	return func(in *ec2.RegisterImageInput) { f(&in.BlockDeviceMappings[0]) }
}

func tagging(resource types.ResourceType, tags ...types.Tag) change {
	return func(in *ec2.RegisterImageInput) {
		in.TagSpecifications = []types.TagSpecification{{ResourceType: resource, Tags: tags}}
	}
}

func tagOf(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

func manyTags(n int) []types.Tag {
	var tags []types.Tag
	for i := range n {
		tags = append(tags, tagOf(fmt.Sprint("key", i), ""))
	}
	return tags
}

var refusedRegistrations = []struct {
	name   string
	change change
	want   string
}{
	{"name too short", func(in *ec2.RegisterImageInput) { in.Name = aws.String("ab") }, "InvalidAMIName.Malformed 400"},
	{"name too long", func(in *ec2.RegisterImageInput) { in.Name = aws.String(strings.Repeat("a", 129)) }, "InvalidAMIName.Malformed 400"},
	{"name with a colon", func(in *ec2.RegisterImageInput) { in.Name = aws.String("a:b:c") }, "InvalidAMIName.Malformed 400"},
	{"name with an umlaut", func(in *ec2.RegisterImageInput) { in.Name = aws.String("größe") }, "InvalidAMIName.Malformed 400"},
	{"name empty", func(in *ec2.RegisterImageInput) { in.Name = aws.String("") }, "MissingParameter 400"},
	{"name taken", func(in *ec2.RegisterImageInput) { in.Name = aws.String("taken") }, "InvalidAMIName.Duplicate 400"},
	{"architecture unknown", func(in *ec2.RegisterImageInput) { in.Architecture = "vax" }, "InvalidParameterValue 400"},
	{"virtualization unknown", func(in *ec2.RegisterImageInput) { in.VirtualizationType = aws.String("pv") }, "InvalidParameterValue 400"},
	{"no devices", func(in *ec2.RegisterImageInput) { in.BlockDeviceMappings = nil }, "MissingParameter 400"},
	{"no root device name", func(in *ec2.RegisterImageInput) { in.RootDeviceName = nil }, "MissingParameter 400"},
	{"root not mapped", func(in *ec2.RegisterImageInput) { in.RootDeviceName = aws.String("/dev/sdb1") }, "InvalidBlockDeviceMapping 400"},
	{"manifest in S3", func(in *ec2.RegisterImageInput) { in.ImageLocation = aws.String("bucket/manifest.xml") }, "UnsupportedOperation 400"},

	{"kernel of the other architecture", func(in *ec2.RegisterImageInput) { in.KernelId = aws.String("aki-04206613") }, "InvalidParameterCombination 400"},
	{"default architecture is i386", func(in *ec2.RegisterImageInput) { in.Architecture = "" }, "InvalidParameterCombination 400"},
	{"kernel of another region", func(in *ec2.RegisterImageInput) { in.KernelId = aws.String("aki-dc9ed9af") }, "InvalidAMIID.NotFound 400"},
	{"kernel id malformed", func(in *ec2.RegisterImageInput) { in.KernelId = aws.String("aki-x") }, "InvalidAMIID.Malformed 400"},
	{"an image as the kernel", func(in *ec2.RegisterImageInput) { in.KernelId = aws.String("ami-12345678") }, "InvalidAMIID.Malformed 400"},
	{"RAM disk unknown", func(in *ec2.RegisterImageInput) { in.RamdiskId = aws.String("ari-12345678") }, "InvalidAMIID.NotFound 400"},
	{"HVM with a kernel", func(in *ec2.RegisterImageInput) { in.VirtualizationType = aws.String("hvm") }, "InvalidParameterCombination 400"},
	{"PV for ARM", func(in *ec2.RegisterImageInput) { in.Architecture, in.KernelId = "arm64", nil }, "InvalidParameterCombination 400"},
	{"PV with ENA", func(in *ec2.RegisterImageInput) { in.EnaSupport = aws.Bool(true) }, "InvalidParameterCombination 400"},
	{"PV with SR-IOV", func(in *ec2.RegisterImageInput) { in.SriovNetSupport = aws.String("simple") }, "InvalidParameterCombination 400"},
	{"PV with a boot mode", func(in *ec2.RegisterImageInput) { in.BootMode = types.BootModeValuesUefi }, "InvalidParameterCombination 400"},
	{"PV with a TPM", func(in *ec2.RegisterImageInput) { in.TpmSupport = types.TpmSupportValuesV20 }, "InvalidParameterCombination 400"},
	{"PV with UEFI data", func(in *ec2.RegisterImageInput) { in.UefiData = aws.String("AA==") }, "InvalidParameterCombination 400"},

	{"snapshot unknown", device(func(d *types.BlockDeviceMapping) { d.Ebs.SnapshotId = aws.String("snap-00000000000000000") }), "InvalidSnapshot.NotFound 400"},
	{"snapshot id malformed", device(func(d *types.BlockDeviceMapping) { d.Ebs.SnapshotId = aws.String("snap") }), "InvalidParameterValue 400"},
	{"no snapshot, no size", device(func(d *types.BlockDeviceMapping) { d.Ebs.SnapshotId = nil }), "InvalidBlockDeviceMapping 400"},
	{"root without a snapshot", device(func(d *types.BlockDeviceMapping) { d.Ebs = &types.EbsBlockDevice{VolumeSize: aws.Int32(1)} }), "InvalidBlockDeviceMapping 400"},
	{"volume too small", device(func(d *types.BlockDeviceMapping) { d.Ebs.VolumeSize = aws.Int32(0) }), "InvalidBlockDeviceMapping 400"},
	{"volume too large", device(func(d *types.BlockDeviceMapping) { d.Ebs.VolumeSize = aws.Int32(1025) }), "InvalidParameterValue 400"},
	{"encrypted", device(func(d *types.BlockDeviceMapping) { d.Ebs.Encrypted = aws.Bool(true) }), "InvalidBlockDeviceMapping 400"},
	{"not encrypted, but said so", device(func(d *types.BlockDeviceMapping) { d.Ebs.Encrypted = aws.Bool(false) }), "InvalidBlockDeviceMapping 400"},
	{"volume type unknown", device(func(d *types.BlockDeviceMapping) { d.Ebs.VolumeType = "floppy" }), "InvalidParameterValue 400"},
	{"volume type can't boot", device(func(d *types.BlockDeviceMapping) { d.Ebs.VolumeType, d.Ebs.VolumeSize = "st1", aws.Int32(125) }), "InvalidParameterCombination 400"},
	{"io1 without IOPS", device(func(d *types.BlockDeviceMapping) { d.Ebs.VolumeType, d.Ebs.VolumeSize = "io1", aws.Int32(4) }), "MissingParameter 400"},
	{"gp2 with IOPS", device(func(d *types.BlockDeviceMapping) { d.Ebs.VolumeType, d.Ebs.Iops = "gp2", aws.Int32(100) }), "InvalidParameterCombination 400"},
	{"gp3 with few IOPS", device(func(d *types.BlockDeviceMapping) { d.Ebs.VolumeType, d.Ebs.Iops = "gp3", aws.Int32(1) }), "InvalidParameterValue 400"},
	{"gp2 with a throughput", device(func(d *types.BlockDeviceMapping) { d.Ebs.VolumeType, d.Ebs.Throughput = "gp2", aws.Int32(1) }), "InvalidParameterCombination 400"},
	{"gp3 with many IOPS for its size", device(func(d *types.BlockDeviceMapping) {
		d.Ebs.VolumeType, d.Ebs.VolumeSize, d.Ebs.Iops = "gp3", aws.Int32(7), aws.Int32(3501)
	}), "InvalidParameterValue 400"},
	{"gp3 with much throughput for its IOPS", device(func(d *types.BlockDeviceMapping) { d.Ebs.VolumeType, d.Ebs.Throughput = "gp3", aws.Int32(751) }), "InvalidParameterValue 400"},
	{"key for the volume of an image", device(func(d *types.BlockDeviceMapping) { d.Ebs.KmsKeyId = aws.String("alias/k") }), "InvalidBlockDeviceMapping 400"},
	{"device name bad", device(func(d *types.BlockDeviceMapping) { d.DeviceName = aws.String("sda1") }), "InvalidBlockDeviceMapping 400"},
	{"device name missing", device(func(d *types.BlockDeviceMapping) { d.DeviceName = nil }), "InvalidBlockDeviceMapping 400"},
	{"device virtual and EBS", device(func(d *types.BlockDeviceMapping) { d.VirtualName = aws.String("ephemeral0") }), "InvalidBlockDeviceMapping 400"},
	{"device twice", func(in *ec2.RegisterImageInput) {
		in.BlockDeviceMappings = append(in.BlockDeviceMappings, in.BlockDeviceMappings[0])
	}, "InvalidBlockDeviceMapping 400"},

	{"tags for another type", tagging("instance", tagOf("a", "b")), "InvalidParameterValue 400"},
	{"tags for no type", tagging("", tagOf("a", "b")), "InvalidParameter 400"},
	{"no tags", tagging("image"), "InvalidTagKey.Malformed 400"},
	{"too many tags", tagging("image", manyTags(51)...), "TagLimitExceeded 400"},
	{"tag twice", tagging("image", tagOf("a", "1"), tagOf("a", "2")), "InvalidParameterValue 400"},
	{"tag of AWS", tagging("image", tagOf("aws:a", "1")), "InvalidParameterValue 400"},
	{"tag without a key", tagging("image", tagOf("", "1")), "InvalidParameterValue 400"},
	{"tag key too long", tagging("image", tagOf(strings.Repeat("k", 129), "1")), "InvalidParameterValue 400"},
	{"tag value too long", tagging("image", tagOf("k", strings.Repeat("v", 257))), "InvalidParameterValue 400"},
	{"tag with a control character", tagging("image", tagOf("k", "\x01")), "InvalidParameterValue 400"},
	{"dry run", func(in *ec2.RegisterImageInput) { in.DryRun = aws.Bool(true) }, "DryRunOperation 412"},
}

func TestRegisterImageRefusals(t *testing.T) {
	l := start(t, Options{})
	snap := l.snapshot()
	l.register("taken", snap)
	for _, test := range refusedRegistrations {
		t.Run(test.name, func(t *testing.T) {
			in := registration("fresh", snap)
			test.change(in)
			_, err := l.ec2.RegisterImage(l.ctx, in)
			wantRefusal(t, err, test.want)
		})
	}
	if n := len(l.Resources()["us-east-1"].Images); n != 1 {
		t.Errorf("%d images exist, want the first alone", n)
	}
}

func TestRegisterImageAccepts(t *testing.T) {
	l := start(t, Options{})
	snap := l.snapshot()
	for name, change := range map[string]change{
		"every sign (a)[b] ./-'@_": func(*ec2.RegisterImageInput) {},
		"50 tags":                  tagging("image", manyTags(50)...),
		"longest tag":              tagging("image", tagOf(strings.Repeat("ä", 128), strings.Repeat("ö", 256))),
		"disk for its partition":   device(func(d *types.BlockDeviceMapping) { d.DeviceName = aws.String("/dev/sda") }),
		"no kernel":                func(in *ec2.RegisterImageInput) { in.KernelId = nil },
		"32 bit by default":        func(in *ec2.RegisterImageInput) { in.Architecture, in.KernelId = "", aws.String("aki-04206613") },
		"larger volume": device(func(d *types.BlockDeviceMapping) {
			d.Ebs.VolumeSize, d.Ebs.VolumeType = aws.Int32(9), types.VolumeTypeGp2
		}),
		"with ephemeral disk": func(in *ec2.RegisterImageInput) {
			in.BlockDeviceMappings = append(in.BlockDeviceMappings, types.BlockDeviceMapping{DeviceName: aws.String("/dev/sdb"), VirtualName: aws.String("ephemeral0")})
		},
		"HVM with all": func(in *ec2.RegisterImageInput) {
			in.VirtualizationType, in.KernelId, in.EnaSupport = aws.String("hvm"), nil, aws.Bool(true)
			in.SriovNetSupport, in.BootMode, in.ImdsSupport = aws.String("simple"), types.BootModeValuesUefi, types.ImdsSupportValuesV20
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := registration(name, snap)
			change(in)
			if _, err := l.ec2.RegisterImage(l.ctx, in); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRegisterImageWording checks the messages that clients and people know.
func TestRegisterImageWording(t *testing.T) {
	l := start(t, Options{})
	snap := l.snapshot()
	ami := l.register("taken", snap)
	_, err := l.ec2.RegisterImage(l.ctx, registration("taken", snap))
	if got, want := message(err), "AMI name taken is already in use by AMI "+*ami; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	in := registration("small", snap)
	in.BlockDeviceMappings[0].Ebs.VolumeSize = aws.Int32(0)
	_, err = l.ec2.RegisterImage(l.ctx, in)
	if got, want := message(err), "Volume of size 0GB is smaller than snapshot '"+*snap+"', expect size >= 1GB"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRegions checks that regions are apart, and which of them run PV.
func TestRegions(t *testing.T) {
	l := start(t, Options{})
	here := l.snapshot()
	there := l.as("eu-west-2", "AKIATEST")
	_, err := there.ec2.RegisterImage(l.ctx, registration("no snapshot there", here))
	wantRefusal(t, err, "UnsupportedOperation 400")
	in := registration("hvm", here)
	in.VirtualizationType, in.KernelId = aws.String("hvm"), nil
	_, err = there.ec2.RegisterImage(l.ctx, in)
	wantRefusal(t, err, "InvalidSnapshot.NotFound 400")
	in.BlockDeviceMappings[0].Ebs.SnapshotId = there.snapshot()
	if _, err = there.ec2.RegisterImage(l.ctx, in); err != nil {
		t.Error(err)
	}
	l.register("hvm", here) // the name is free in this region
	if got := l.Resources(); len(got["us-east-1"].Images) != 1 || len(got["eu-west-2"].Images) != 1 {
		t.Errorf("got %+v, want one image in each region", got)
	}
}

func TestDeregisterWithSnapshots(t *testing.T) {
	l := start(t, Options{})
	shared, own := l.snapshot(), l.snapshot()
	l.register("keeps", shared)
	in := registration("goes", own)
	in.BlockDeviceMappings = append(in.BlockDeviceMappings, types.BlockDeviceMapping{DeviceName: aws.String("/dev/sdf"), Ebs: &types.EbsBlockDevice{SnapshotId: shared}})
	ami := must(l.ec2.RegisterImage(l.ctx, in))(t).ImageId
	out := must(l.ec2.DeregisterImage(l.ctx, &ec2.DeregisterImageInput{ImageId: ami, DeleteAssociatedSnapshots: aws.Bool(true)}))(t)
	got := map[string]string{}
	for _, r := range out.DeleteSnapshotResults {
		got[*r.SnapshotId] = string(r.ReturnCode)
	}
	if len(got) != 2 || got[*own] != "success" || got[*shared] != "skipped" {
		t.Errorf("got %v, want success for %s and skipped for %s", got, *own, *shared)
	}
	_, err := l.ec2.DeregisterImage(l.ctx, &ec2.DeregisterImageInput{ImageId: aws.String("aki-5c21674b")})
	wantRefusal(t, err, "AuthFailure 403")
}
