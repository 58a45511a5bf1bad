package cloud

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Tags that this project sets on what it creates.
const (
	// EnvironmentTag is the environment that a resource is for.
	EnvironmentTag = "Environment"
	// BuildTag is the id of the build, by which all of its resources are found
	// again.
	BuildTag = "unikernel:build"
	// RoleTag is the role of a resource in its build, one of those below.
	RoleTag = "unikernel:role"
	// DeviceTag is the device of a snapshot with the role RoleVolume.
	DeviceTag = "unikernel:device"
	// SystemTag is the unikernel system, for example "mirage".
	SystemTag = "unikernel:system"
	// BootMethodTag names how an AMI boots, for example "pv-grub".
	BootMethodTag = "unikernel:boot-method"
	// ShimTag is the version of Xen's PV shim that an AMI boots with.
	ShimTag = "unikernel:shim"
	// MaxMemoryTag is the most memory, in MiB, that the unikernel system supports,
	// if it has such a limit.
	MaxMemoryTag = "unikernel:max-memory-mib"
	// ContentTag is the SHA-256 over the digests of the disk's blocks.
	ContentTag = "unikernel:content"

	// ResultTag and TimeTag are set on a tested AMI: "passed" or "failed", and the
	// time of the test (RFC 3339, UTC).
	ResultTag = "unikernel:smoke-test"
	TimeTag   = "unikernel:smoke-test-time"

	ownTagPrefix = "unikernel:"
)

// Roles of what a build creates.
const (
	RoleSnapshot = "snapshot"
	RoleVolume   = "volume-snapshot" // of another device than the root
	RoleImage    = "image"
	RoleTrial    = "trial-image"   // of an AMI that replaces another
	RoleImport   = "import-task"   // of a snapshot
	RoleInstance = "test-instance" // with its volume and network interface
	RoleGroup    = "test-security-group"
)

// RoleFilters find what a build has created in one role.
func RoleFilters(build, role string) []types.Filter {
	return []types.Filter{Filter("tag:"+BuildTag, build), Filter("tag:"+RoleTag, role)}
}

// Limits of tags (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html).
const (
	MaxTags     = 50  // on a resource
	maxTagKey   = 128 // characters
	maxTagValue = 256 // characters
	ownTags     = 10  // the most of the ones above that a resource has, including those of a test
)

// SortedTags puts tags in a fixed order, so that requests are reproducible.
func SortedTags(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

// EBSTags converts tags to the types of the EBS direct APIs.
func EBSTags(tags []types.Tag) []ebstypes.Tag {
	list := make([]ebstypes.Tag, len(tags))
	for i, tag := range tags {
		list[i] = ebstypes.Tag{Key: tag.Key, Value: tag.Value}
	}
	return list
}

// CheckTags checks the user's tags against EC2's rules, leaving room for this
// project's own. Errors begin with the name of the option.
func CheckTags(option string, tags map[string]string) error {
	var errs []error
	if len(tags) > MaxTags-ownTags {
		errs = append(errs, fmt.Errorf("%s has %d tags: EC2 allows %d on a resource, and %d of them are reserved for this plugin", option, len(tags), MaxTags, ownTags))
	}
	for key, value := range tags {
		if err := checkTag(key, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", option, err))
		}
	}
	return errors.Join(errs...)
}

func checkTag(key, value string) error {
	lower := strings.ToLower(key)
	switch {
	case key == "":
		return errors.New("a tag has an empty key: specify one")
	case !utf8.ValidString(key) || !utf8.ValidString(value):
		return fmt.Errorf("tag %q is not UTF-8", key)
	case utf8.RuneCountInString(key) > maxTagKey:
		return fmt.Errorf("tag key %.20q… has %d characters: it must have at most %d", key, utf8.RuneCountInString(key), maxTagKey)
	case utf8.RuneCountInString(value) > maxTagValue:
		return fmt.Errorf("tag %q has a value of %d characters: it must have at most %d", key, utf8.RuneCountInString(value), maxTagValue)
	case strings.HasPrefix(lower, "aws:"):
		return fmt.Errorf("tag %q: keys that begin with aws: are Amazon's own", key)
	case strings.HasPrefix(lower, ownTagPrefix):
		return fmt.Errorf("tag %q: keys that begin with %s are set by this plugin", key, ownTagPrefix)
	}
	return nil
}
