//go:generate packer-sdc mapstructure-to-hcl2 -type Config
//go:generate packer-sdc struct-markdown

package ami

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	sdkcommon "github.com/hashicorp/packer-plugin-sdk/common"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"

	"github.com/unikernel-ami/packer-plugin-unikernel/builder/common"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
)

// Config holds the options of the source unikernel-ami.
type Config struct {
	sdkcommon.PackerConfig `mapstructure:",squash"`
	common.Config          `mapstructure:",squash"`
	component.Access       `mapstructure:",squash"`

	// The environment of the AMI, for example `dev`, `staging` or `prod`: up to 64
	// letters, digits, and `-_.`. It is the value of the tag `Environment` on the
	// AMI and its snapshot, and of `{{ .Environment }}` in `ami_name`,
	// `ami_description`, `tags` and `snapshot_tags`.
	Environment string `mapstructure:"environment"`
	// The name of the AMI: 3 to 128 letters, digits, spaces, and `()[]./-'@_`. It
	// must be unique in the region. The template function `clean_resource_name`
	// replaces characters that EC2 rejects.
	AMIName string `mapstructure:"ami_name" required:"true"`
	// The description of the AMI, at most 255 characters.
	AMIDescription string `mapstructure:"ami_description"`
	// Tags for the AMI, set when it is registered.
	Tags map[string]string `mapstructure:"tags"`
	// Tags for the snapshot, set when it is started.
	SnapshotTags map[string]string `mapstructure:"snapshot_tags"`
	// The kernel image (AKI) that boots the instances. Default: the newest PV-GRUB
	// hd0 image that Amazon offers in the region for the image's architecture.
	KernelID string `mapstructure:"kernel_id"`
	// The size of the root volume in GiB. Default: the smallest size that holds
	// the disk: 1 for disks that this plugin writes. The maximum is 16384 for `gp2`,
	// 65536 for `gp3`, and 1024 for `standard`.
	VolumeSize int32 `mapstructure:"volume_size"`
	// The type of the root volume: `gp2` (the default), `gp3` or `standard`.
	VolumeType string `mapstructure:"volume_type"`
	// Boot method `disk` only: the disk has a driver for ENA, the network adapter of
	// Nitro instance types.
	ENASupport bool `mapstructure:"ena_support"`
	// Boot method `disk` only: the disk has a driver for enhanced networking with
	// the Intel 82599 VF interface.
	SRIOVSupport bool `mapstructure:"sriov_support"`
	// Boot method `disk` only: `legacy-bios`, `uefi` or `uefi-preferred`. Default:
	// EC2's, which is `legacy-bios` for most instance types.
	BootMode string `mapstructure:"boot_mode"`
	// Boot method `disk` only: `v2.0` requires version 2 of the instance metadata
	// service (IMDSv2).
	IMDSSupport string `mapstructure:"imds_support"`
	// Check everything, show what would be created, and stop.
	PlanOnly bool `mapstructure:"plan_only"`
}

const (
	maxDescription = 255 // characters, EC2's RegisterImage
)

var (
	environmentForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	kernelIDForm    = regexp.MustCompile(`^aki-([0-9a-f]{8}|[0-9a-f]{17})$`)

	// volumeTypes are the types that need no further options as a root volume, and
	// their maximum sizes in GiB
	// (https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html).
	volumeTypes = map[string]int32{"gp2": 16384, "gp3": 65536, "standard": 1024}
)

// templated are the options that may contain {{ .Environment }}. They are rendered
// when the other options are known.
var templated = []string{"ami_name", "ami_description", "tags", "snapshot_tags"}

// Prepare reads the options and sets defaults. Its error lists all faults at
// once.
func (c *Config) Prepare(raws ...any) error {
	// Outside of the configuration, which Decode empties first.
	names := interpolate.Context{Funcs: map[string]any{"clean_resource_name": cloud.CleanName}}
	err := config.Decode(c, &config.DecodeOpts{
		PluginType:         "unikernel-ami",
		Interpolate:        true,
		InterpolateContext: &names,
		InterpolateFilter:  &interpolate.RenderFilter{Exclude: templated},
	}, raws...)
	if err != nil {
		return err
	}
	var errs *packersdk.MultiError
	errs = packersdk.MultiErrorAppend(errs, c.Config.Prepare()...)
	errs = packersdk.MultiErrorAppend(errs, c.CheckAccess()...)
	errs = packersdk.MultiErrorAppend(errs, c.render(&names)...)
	errs = packersdk.MultiErrorAppend(errs, c.checkAMI()...)
	errs = packersdk.MultiErrorAppend(errs, c.checkVolume()...)
	errs = packersdk.MultiErrorAppend(errs, c.checkHVM()...)
	if errs == nil {
		return nil
	}
	return component.Refuse(errs.Errors...)
}

// noEnvironment is the value of an environment that is not set. In a condition it
// is false, like an empty string; a template that prints it leaves a mark.
type noEnvironment string

const missingMark = "\x00environment\x00"

func (noEnvironment) String() string { return missingMark }

// render fills in the environment wherever a template uses it.
func (c *Config) render(ctx *interpolate.Context) []error {
	data := struct{ Environment any }{c.Environment}
	if c.Environment == "" {
		data.Environment = noEnvironment("")
	}
	ctx.Data = data
	var errs []error
	render := func(option string, text string) string {
		rendered, err := interpolate.Render(text, ctx)
		if c.Environment == "" && strings.Contains(text, ".Environment") && (err != nil || strings.Contains(rendered, missingMark)) {
			err = errors.New("it uses {{ .Environment }}, and environment is not set: set environment, or remove it from the template")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s is %q: %w", option, text, err))
		}
		return rendered
	}
	if c.AMIName = render("ami_name", c.AMIName); c.AMIName == "" && len(errs) == 0 {
		errs = append(errs, errors.New("ami_name is not set: specify the AMI's name"))
	}
	c.AMIDescription = render("ami_description", c.AMIDescription)
	for key, value := range c.Tags {
		c.Tags[key] = render("tags", value)
	}
	for key, value := range c.SnapshotTags {
		c.SnapshotTags[key] = render("snapshot_tags", value)
	}
	return errs
}

func (c *Config) checkAMI() []error {
	errs := []error{
		cloud.CheckTags("tags", c.Tags),
		cloud.CheckTags("snapshot_tags", c.SnapshotTags),
		c.checkEnvironmentTag("tags", c.Tags),
		c.checkEnvironmentTag("snapshot_tags", c.SnapshotTags),
	}
	if c.AMIName != "" {
		errs = append(errs, component.Explain(cloud.CheckName(c.AMIName)))
	}
	if c.Environment != "" && !environmentForm.MatchString(c.Environment) {
		errs = append(errs, fmt.Errorf("environment is %q: it must be up to 64 letters, digits, and -_., for example prod", c.Environment))
	}
	if n := utf8.RuneCountInString(c.AMIDescription); n > maxDescription {
		errs = append(errs, fmt.Errorf("ami_description has %d characters: the maximum is %d", n, maxDescription))
	}
	if c.KernelID != "" && !kernelIDForm.MatchString(c.KernelID) {
		errs = append(errs, fmt.Errorf("kernel_id is %q: an AKI is aki- followed by 8 or 17 hexadecimal digits", c.KernelID))
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// checkEnvironmentTag refuses two values for the same tag.
func (c *Config) checkEnvironmentTag(option string, tags map[string]string) error {
	value, ok := tags[cloud.EnvironmentTag]
	if !ok || c.Environment == "" || value == c.Environment {
		return nil
	}
	return fmt.Errorf("%s sets %s to %q, but environment is %q: remove one of them", option, cloud.EnvironmentTag, value, c.Environment)
}

// checkHVM checks the options that only a disk which boots by itself can have:
// EC2's network adapters and boot modes mean nothing to a Xen guest.
func (c *Config) checkHVM() []error {
	var errs []error
	modes := []string{"", "legacy-bios", "uefi", "uefi-preferred"}
	if !slices.Contains(modes, c.BootMode) {
		errs = append(errs, fmt.Errorf("boot_mode is %q: it must be legacy-bios, uefi or uefi-preferred", c.BootMode))
	}
	if c.IMDSSupport != "" && c.IMDSSupport != "v2.0" {
		errs = append(errs, fmt.Errorf("imds_support is %q: it must be v2.0", c.IMDSSupport))
	}
	if c.BootMethod == boot.Disk.Name() || c.BootMethod == boot.Auto {
		return errs
	}
	for option, set := range map[string]bool{"ena_support": c.ENASupport, "sriov_support": c.SRIOVSupport, "boot_mode": c.BootMode != "", "imds_support": c.IMDSSupport != ""} {
		if set {
			errs = append(errs, fmt.Errorf("%s is set, but boot_method is %s: only a disk that boots by itself can have it, so remove it", option, c.BootMethod))
		}
	}
	return errs
}

func (c *Config) checkVolume() []error {
	if c.VolumeType == "" {
		c.VolumeType = "gp2"
	}
	largest, ok := volumeTypes[c.VolumeType]
	if !ok {
		return []error{fmt.Errorf("volume_type is %q: it must be gp2, gp3 or standard", c.VolumeType)}
	}
	if c.VolumeSize < 0 || c.VolumeSize > largest {
		return []error{fmt.Errorf("volume_size is %d: a volume of type %s has 1 to %d GiB", c.VolumeSize, c.VolumeType, largest)}
	}
	return nil
}
