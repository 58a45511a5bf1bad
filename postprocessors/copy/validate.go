package copy

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

var (
	regionForm = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	amiForm    = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)
)

const (
	maxDescription = 255  // characters (CopyImage)
	durationStep   = 15   // minutes (CopyImage)
	maxDuration    = 2880 // minutes
)

// wrong returns an error if the condition holds.
func wrong(is bool, format string, args ...any) error {
	if !is {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// checkRegions checks ami_regions, and that all other options that name regions
// name some of these.
func (c *Config) checkRegions() error {
	errs := []error{wrong(len(c.AMIRegions) == 0, `ami_regions is not set: list the regions to copy to, for example ["eu-west-1"]`)}
	for i, region := range c.AMIRegions {
		errs = append(errs,
			wrong(!regionForm.MatchString(region), "ami_regions contains %q: a region looks like eu-west-1", region),
			wrong(slices.Index(c.AMIRegions, region) < i, "ami_regions lists %s twice: remove one", region),
			wrong(region == c.Region && c.Region != "", "ami_regions contains %s, which is the AMI's own region: remove it", region))
	}
	for option, regions := range map[string][]string{
		"region_kms_key_ids":  slices.Sorted(maps.Keys(c.RegionKMSKeyIDs)),
		"region_profiles":     slices.Sorted(maps.Keys(c.RegionProfiles)),
		"best_effort_regions": c.BestEffortRegions,
	} {
		for _, region := range regions {
			errs = append(errs, wrong(!slices.Contains(c.AMIRegions, region), "%s contains %s, but ami_regions doesn't: add it there, or remove it", option, region))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) checkAMI() error {
	var name error
	if c.AMIName != "" {
		name = component.Explain(cloud.CheckName(c.AMIName))
	}
	n := utf8.RuneCountInString(c.AMIDescription)
	return errors.Join(name,
		wrong(c.AMIID != "" && !amiForm.MatchString(c.AMIID), "ami_id is %q: it must look like ami-0123456789abcdef0", c.AMIID),
		wrong(n > maxDescription, "ami_description has %d characters: the maximum is %d", n, maxDescription),
		cloud.CheckTags("tags", c.Tags), cloud.CheckTags("snapshot_tags", c.SnapshotTags))
}

func (c *Config) checkMethod() error {
	minutes := c.SnapshotCopyDurationMinutes
	upload := c.Method == ami.Upload
	return errors.Join(
		wrong(!slices.Contains([]string{ami.AutoCopy, ami.CopyImage, ami.Upload}, c.Method), "method is %q: it must be auto, copy-image or upload", c.Method),
		wrong(upload && c.EncryptBoot, "encrypt_boot is set, but method is upload: uploads are not encrypted, so use copy-image"),
		wrong(upload && minutes != 0, "snapshot_copy_duration_minutes is set, but method is upload: remove it, or use copy-image"),
		wrong(minutes < 0 || minutes > maxDuration || minutes%durationStep != 0,
			"snapshot_copy_duration_minutes is %d: it must be a multiple of %d up to %d", minutes, durationStep, maxDuration))
}

// checkKeys refuses keys that would have no effect, and keys of another region: EC2
// would accept them, and the copy would fail minutes later.
func (c *Config) checkKeys() error {
	keys := c.KMSKeyID != "" || len(c.RegionKMSKeyIDs) > 0
	errs := []error{wrong(keys && !c.EncryptBoot, "kms_key_id or region_kms_key_ids is set, but encrypt_boot isn't: set encrypt_boot = true")}
	for _, region := range c.AMIRegions {
		key := c.key(region)
		parts := strings.Split(key, ":") // arn:aws:kms:REGION:ACCOUNT:key/ID
		errs = append(errs, wrong(parts[0] == "arn" && len(parts) > 3 && parts[3] != region,
			"the KMS key for %s is %s, a key of another region: set region_kms_key_ids to a key of %s", region, key, region))
	}
	return errors.Join(errs...)
}

func (c *Config) checkLimits() error {
	return errors.Join(
		wrong(c.Concurrency < 1 || c.Concurrency > maxConcurrency, "concurrency is %d: it must be 1 to %d", c.Concurrency, maxConcurrency),
		wrong(c.Timeout < 0, "timeout is %s: it must be positive, for example 1h", c.Timeout))
}
