package ami

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// An AKI is an Amazon kernel image, here a PV-GRUB.
type AKI struct {
	ID           string
	Name         string // for example "pv-grub-hd0_1.05-x86_64.gz"
	Architecture string // "x86_64" or "i386"
}

func (a AKI) String() string { return fmt.Sprintf("%s (%s)", a.ID, a.Name) }

// Version is the part of the name, for example "1.05"; "" if it has none.
func (a AKI) Version() string {
	if m := pvgrubName.FindStringSubmatch(a.Name); m != nil {
		return m[2] + "." + m[3]
	}
	return ""
}

// Layouts of a disk.
const (
	WholeDisk   = "whole-disk"  // a file system without partitions
	Partitioned = "partitioned" // a file system in the first partition
)

// A PVGRUB describes the PV-GRUB image that is wanted.
type PVGRUB struct {
	Architecture string // "x86_64" or "i386"
	Layout       string // [WholeDisk] or [Partitioned]; "" is either, which needs version 1.04
	Version      string // for example "1.04"; "" is the newest
}

// variant is the wanted image's part of the name. "hd0" images look for menu.lst
// on the whole disk and, since version 1.04, then in its partitions. AWS
// recommends them for all new AMIs, and keeps "hd00" ones, which look in the
// first partition, only for old AMIs
// (https://docs.aws.amazon.com/linux/al2/ug/UserProvidedKernels.html).
func (w PVGRUB) variant() string {
	if major, minor, ok := readVersion(w.Version); ok && w.Layout == Partitioned && (major < 1 || major == 1 && minor < 4) {
		return "hd00"
	}
	return "hd0"
}

// readVersion reads a version as numbers: 1.10 is newer than 1.9. ok is false for
// one with more digits than a version has.
func readVersion(text string) (major, minor int, ok bool) {
	before, after, _ := strings.Cut(text, ".")
	major, errMajor := strconv.Atoi(before)
	minor, errMinor := strconv.Atoi(after)
	return major, minor, errMajor == nil && errMinor == nil
}

// pvgrubName matches the names of PV-GRUB images.
var pvgrubName = regexp.MustCompile(`^pv-grub-(hd0|hd00)_(\d+)\.(\d+)-(i386|x86_64)\.gz$`)

// choose picks the newest of the images that are as wanted.
func (w PVGRUB) choose(images []types.Image) (AKI, bool) {
	var newest AKI
	major, minor := -1, -1
	wantMajor, wantMinor, fixed := readVersion(w.Version)
	for _, image := range images {
		name := Name(image)
		m := pvgrubName.FindStringSubmatch(name)
		if m == nil || m[1] != w.variant() || m[4] != w.Architecture {
			continue
		}
		a, b, ok := readVersion(m[2] + "." + m[3])
		if !ok || fixed && (a != wantMajor || b != wantMinor) {
			continue
		}
		if a > major || a == major && b > minor {
			major, minor = a, b
			newest = AKI{ID: aws.ToString(image.ImageId), Name: name, Architecture: w.Architecture}
		}
	}
	return newest, major >= 0
}

// Name returns an image's name or, if it dates from before names were required,
// the last part of its manifest's location.
func Name(image types.Image) string {
	if name := aws.ToString(image.Name); name != "" {
		return name
	}
	location := aws.ToString(image.ImageLocation)
	return location[strings.LastIndexByte(location, '/')+1:]
}

// documented is the version of the ids in [documentedPVGRUB].
const documented = "1.05"

// FindPVGRUB finds a region's PV-GRUB image. PV-GRUB was last released in 2016,
// and EC2 lists images for two years only unless deprecated ones are included. If
// none is listed, it tries the id from AWS's documentation.
func FindPVGRUB(ctx context.Context, s *cloud.Session, want PVGRUB) (AKI, error) {
	images, err := Describe(ctx, s, &ec2.DescribeImagesInput{
		Owners:            []string{"amazon"},
		IncludeDeprecated: aws.Bool(true),
		Filters: []types.Filter{
			cloud.Filter("name", "pv-grub-"+want.variant()+"_*"),
			cloud.Filter("image-type", "kernel"),
		},
	})
	if err != nil {
		return AKI{}, fmt.Errorf("look up PV-GRUB in %s: %w", s.Region, err)
	}
	if aki, ok := want.choose(images); ok {
		return aki, nil
	}
	if id, ok := documentedPVGRUB[want.Architecture][s.Region]; ok && (want.Version == "" || want.Version == documented) {
		if aki, err := findAKI(ctx, s, id, want.Architecture); err == nil {
			return aki, nil
		}
	}
	return AKI{}, NoPVGRUBError{s.Region, want.Architecture, want.Version}
}

// findAKI checks that a kernel image exists and has the architecture.
func findAKI(ctx context.Context, s *cloud.Session, id, architecture string) (AKI, error) {
	images, err := Describe(ctx, s, &ec2.DescribeImagesInput{
		ImageIds:          []string{id},
		IncludeDeprecated: aws.Bool(true),
	})
	if err != nil && !cloud.HasCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable") {
		return AKI{}, fmt.Errorf("look up kernel %s: %w", id, err)
	}
	if len(images) == 0 {
		return AKI{}, fmt.Errorf("look up kernel %s: %s has no such kernel image: AKIs differ between regions; omit {KernelID} to use the newest PV-GRUB", id, s.Region)
	}
	image := images[0]
	if image.ImageType != types.ImageTypeValuesKernel {
		return AKI{}, fmt.Errorf("look up kernel %s: it is a %s image: {KernelID} must be an AKI (aki-…)", id, image.ImageType)
	}
	if got := string(image.Architecture); got != architecture {
		return AKI{}, fmt.Errorf("look up kernel %s: it is for %s and the image is for %s: a PV-GRUB boots only kernels of its own architecture; omit {KernelID}, or specify an AKI for %s", id, got, architecture, architecture)
	}
	return AKI{ID: id, Name: Name(image), Architecture: architecture}, nil
}

// documentedPVGRUB has the ids of pv-grub-hd0_1.05, the last release, by
// architecture and region, as AWS has documented them since 2016
// (awsdocs/amazon-ec2-user-guide, UserProvidedKernels.md). EC2's own list comes
// first; this is the fallback for an image that EC2 no longer lists but still
// knows.
var documentedPVGRUB = map[string]map[string]string{
	"x86_64": {
		"ap-northeast-1": "aki-7077ab11",
		"ap-southeast-1": "aki-73a50110",
		"ap-southeast-2": "aki-66506305",
		"eu-central-1":   "aki-931fe3fc",
		"eu-west-1":      "aki-dc9ed9af",
		"sa-east-1":      "aki-912fbcfd",
		"us-east-1":      "aki-5c21674b",
		"us-gov-west-1":  "aki-9ee55bff",
		"us-west-1":      "aki-59cc8239",
		"us-west-2":      "aki-70cb0e10",
	},
	"i386": {
		"ap-northeast-1": "aki-f975a998",
		"ap-southeast-1": "aki-17a40074",
		"ap-southeast-2": "aki-ba5665d9",
		"eu-central-1":   "aki-1419e57b",
		"eu-west-1":      "aki-1c9fd86f",
		"sa-east-1":      "aki-7cd34110",
		"us-east-1":      "aki-04206613",
		"us-gov-west-1":  "aki-5ee9573f",
		"us-west-1":      "aki-43cf8123",
		"us-west-2":      "aki-7a69931a",
	},
}
