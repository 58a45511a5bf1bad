//go:generate packer-sdc mapstructure-to-hcl2 -type Config
//go:generate packer-sdc struct-markdown

package copy

import (
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/common"
	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// Config holds the options of the post-processor unikernel-copy.
type Config struct {
	common.PackerConfig `mapstructure:",squash"`
	component.Access    `mapstructure:",squash"`

	// The regions to copy the AMI to, for example `["eu-west-1", "us-west-2"]`.
	AMIRegions []string `mapstructure:"ami_regions" required:"true"`
	// The AMI to copy, for example `ami-0123456789abcdef0`. Default: the AMI that
	// the source made.
	AMIID string `mapstructure:"ami_id"`
	// The name of the copies: 3 to 128 letters, digits, spaces, and `()[]./-'@_`. It
	// must be unique in each region. Default: the AMI's name.
	AMIName string `mapstructure:"ami_name"`
	// The description of the copies, at most 255 characters. Default: the AMI's
	// description.
	AMIDescription string `mapstructure:"ami_description"`
	// Tags for the copies, in addition to the tags of the AMI.
	Tags map[string]string `mapstructure:"tags"`
	// Tags for the snapshots of the copies, in addition to the tags of the AMI's
	// snapshot.
	SnapshotTags map[string]string `mapstructure:"snapshot_tags"`
	// Whether to copy only an AMI that has passed its smoke test: one that passed
	// `unikernel-smoke-test` earlier in this build, or has the tag
	// `unikernel:smoke-test` with the value `passed`. Default: `true`.
	RequireSmokeTest config.Trilean `mapstructure:"require_smoke_test"`

	// How to make the copies:
	//
	// - `copy-image`: EC2 copies the AMI (`CopyImage`). This takes minutes, however
	//   small the disk is.
	// - `upload`: the plugin downloads the disk once, uploads it to each region, and
	//   registers it there. This takes seconds for a unikernel, and it is the only way
	//   to another partition, such as AWS GovCloud or China.
	// - `auto` (the default) chooses for each region, and shows why: `upload` to
	//   another partition, to a region that lacks the PV-GRUB version of the AMI, and
	//   for a disk of at most 32 MiB without its empty blocks; otherwise
	//   `copy-image`. It also chooses `copy-image` if the disk can't be uploaded:
	//   with encryption, with several volumes, or if the snapshot can't be read.
	Method string `mapstructure:"method"`
	// Encrypt the copies' snapshots. Requires `copy-image`. Default: the snapshots
	// are encrypted only if the AMI's snapshot is.
	EncryptBoot bool `mapstructure:"encrypt_boot"`
	// The KMS key for encrypted copies in regions that `region_kms_key_ids` doesn't
	// list: an alias such as `alias/releases` that exists in each of them, or the ID
	// or ARN of a key. Requires `encrypt_boot`. Default: the region's key for EBS,
	// `alias/aws/ebs`.
	KMSKeyID string `mapstructure:"kms_key_id"`
	// The KMS keys for encrypted copies by region, for example
	// `{ "eu-west-1" = "alias/releases" }`. Requires `encrypt_boot`.
	RegionKMSKeyIDs map[string]string `mapstructure:"region_kms_key_ids"`
	// The time in which EC2 must complete each copy, in minutes: a multiple of 15 up
	// to 2880, at an extra charge. Requires `copy-image`. Default: as soon as
	// possible, without a guarantee.
	SnapshotCopyDurationMinutes int64 `mapstructure:"snapshot_copy_duration_minutes"`
	// The profiles in the AWS configuration files to use for some of the regions, for
	// example `{ "cn-north-1" = "china" }`: each partition has its own accounts.
	// Default: the profile of the AMI's region.
	RegionProfiles map[string]string `mapstructure:"region_profiles"`

	// How many regions to copy to at the same time, 1 to 32. Default: `10`, enough
	// for all regions with PV instances at once. A copy by EC2 costs a few calls a
	// minute, and all uploads together send at most 32 blocks (16 MiB) at a time, so
	// more regions don't use more memory.
	Concurrency int `mapstructure:"concurrency"`
	// How long the copy to one region may take, including waiting until fewer copies
	// to that region are in progress. Default: `1h`.
	Timeout time.Duration `mapstructure:"timeout"`
	// Regions of `ami_regions` that may fail without failing the build. Default:
	// none: if the copy to any region fails, all copies that this build made are
	// removed, in all regions.
	BestEffortRegions []string `mapstructure:"best_effort_regions"`
}

const (
	// defaultConcurrency: see the option.
	defaultConcurrency = 10
	maxConcurrency     = uploadWorkers // each upload sends one block at a time, or more

	// defaultTimeout is twice the 30 minutes that packer-plugin-amazon allows for an
	// AMI: a copy may first have to wait for others to end.
	defaultTimeout = time.Hour
)

// Prepare reads the options and sets defaults. Its error lists all faults at
// once.
func (c *Config) Prepare(raws ...any) error {
	err := config.Decode(c, &config.DecodeOpts{
		PluginType:         "unikernel-copy",
		Interpolate:        true,
		InterpolateContext: &interpolate.Context{Funcs: map[string]any{"clean_resource_name": cloud.CleanName}},
	}, raws...)
	if err != nil {
		return err
	}
	if c.Method == "" {
		c.Method = ami.AutoCopy
	}
	if c.Concurrency == 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	return component.Refuse(errors.Join(c.CheckAccess()...), c.checkRegions(), c.checkAMI(), c.checkMethod(), c.checkKeys(), c.checkLimits())
}

// key returns the KMS key for a region; "" for the region's own.
func (c *Config) key(region string) string {
	if key, ok := c.RegionKMSKeyIDs[region]; ok {
		return key
	}
	return c.KMSKeyID
}

// mayUpload reports whether the disk may have to be read.
func (c *Config) mayUpload() bool {
	return c.Method != ami.CopyImage && !c.EncryptBoot && c.SnapshotCopyDurationMinutes == 0
}

// mayFail reports whether the build goes on if the copy to a region fails.
func (c *Config) mayFail(region string) bool { return slices.Contains(c.BestEffortRegions, region) }
