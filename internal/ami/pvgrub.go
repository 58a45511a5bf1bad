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

// pvgrubName matches the names of the PV-GRUB images that look for menu.lst on
// the whole disk first and then in its partitions ("hd0"). AWS recommends them
// for all new AMIs, and keeps "hd00" ones only for old AMIs
// (https://docs.aws.amazon.com/linux/al2/ug/UserProvidedKernels.html).
var pvgrubName = regexp.MustCompile(`^pv-grub-hd0_(\d+)\.(\d+)-(i386|x86_64)\.gz$`)

// newestPVGRUB picks the newest PV-GRUB hd0 image of an architecture. Versions
// are compared as numbers: 1.10 is newer than 1.9.
func newestPVGRUB(images []types.Image, architecture string) (AKI, bool) {
	var newest AKI
	major, minor := -1, -1
	for _, image := range images {
		name := Name(image)
		m := pvgrubName.FindStringSubmatch(name)
		if m == nil || m[3] != architecture {
			continue
		}
		a, errA := strconv.Atoi(m[1])
		b, errB := strconv.Atoi(m[2])
		if errA != nil || errB != nil {
			continue // more digits than a version has
		}
		if a > major || a == major && b > minor {
			major, minor = a, b
			newest = AKI{ID: aws.ToString(image.ImageId), Name: name, Architecture: architecture}
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

// findPVGRUB finds the region's newest PV-GRUB image of an architecture. PV-GRUB
// was last released in 2016, and EC2 lists images for two years only unless
// deprecated ones are included. If none is listed, it tries the id from AWS's
// documentation.
func findPVGRUB(ctx context.Context, s *cloud.Session, architecture string) (AKI, error) {
	images, err := Describe(ctx, s, &ec2.DescribeImagesInput{
		Owners:            []string{"amazon"},
		IncludeDeprecated: aws.Bool(true),
		Filters: []types.Filter{
			cloud.Filter("name", "pv-grub-hd0_*"),
			cloud.Filter("image-type", "kernel"),
		},
	})
	if err != nil {
		return AKI{}, fmt.Errorf("look up PV-GRUB in %s: %w", s.Region, err)
	}
	if aki, ok := newestPVGRUB(images, architecture); ok {
		return aki, nil
	}
	if id, ok := documentedPVGRUB[architecture][s.Region]; ok {
		if aki, err := findAKI(ctx, s, id, architecture); err == nil {
			return aki, nil
		}
	}
	return AKI{}, NoPVGRUBError{s.Region, architecture}
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
