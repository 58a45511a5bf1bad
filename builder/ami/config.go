//go:generate packer-sdc mapstructure-to-hcl2 -type Config,BlockDevice,DataVolume,DeregistrationProtection
//go:generate packer-sdc struct-markdown

package ami

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
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
	Tagging                `mapstructure:",squash"`
	Volumes                `mapstructure:",squash"`
	Encryption             `mapstructure:",squash"`
	Sharing                `mapstructure:",squash"`
	Lifecycle              `mapstructure:",squash"`
	SnapshotOptions        `mapstructure:",squash"`

	// The environment of the AMI, for example `dev`, `staging` or `prod`: up to 64
	// letters, digits, and `-_.`. It is the value of the tag `Environment` on the
	// AMI and its snapshots, and of `{{ .Environment }}` in `ami_name`,
	// `ami_description`, `snapshot_description` and all tags.
	Environment string `mapstructure:"environment"`
	// The name of the AMI: 3 to 128 letters, digits, spaces, and `()[]./-'@_`. It
	// must be unique in the region. The template function `clean_resource_name`
	// replaces characters that EC2 rejects.
	AMIName string `mapstructure:"ami_name" required:"true"`
	// The description of the AMI, at most 255 characters.
	AMIDescription string `mapstructure:"ami_description"`
	// The description of the snapshots, at most 255 characters. Default: `unikernel`
	// and the AMI's name.
	SnapshotDescription string `mapstructure:"snapshot_description"`
	// The kernel image (AKI) that boots the instances. Default: the newest PV-GRUB
	// hd0 image that Amazon offers in the region for the image's architecture.
	KernelID string `mapstructure:"kernel_id"`
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
	maxDescription = 255 // characters, of RegisterImage and StartSnapshot
)

var (
	environmentForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	kernelIDForm    = regexp.MustCompile(`^aki-([0-9a-f]{8}|[0-9a-f]{17})$`)
)

// templated are the options that may contain {{ .Environment }}. They are rendered
// when the other options are known.
var templated = []string{"ami_name", "ami_description", "snapshot_description", "tags", "tag", "snapshot_tags", "snapshot_tag"}

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
	errs = packersdk.MultiErrorAppend(errs, c.merge()...)
	errs = packersdk.MultiErrorAppend(errs, c.render(&names)...)
	errs = packersdk.MultiErrorAppend(errs, c.checkAMI()...)
	errs = packersdk.MultiErrorAppend(errs, c.checkGroups()...)
	errs = packersdk.MultiErrorAppend(errs, c.checkHVM(c.BootMethod)...)
	c.ForceDeregister = c.ForceDeregister || c.PackerForce
	errs = packersdk.MultiErrorAppend(errs, c.checkSnapshot()...)
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
	c.SnapshotDescription = render("snapshot_description", c.SnapshotDescription)
	for key, value := range c.Tags {
		c.Tags[key] = render("tags", value)
	}
	for key, value := range c.SnapshotTags {
		c.SnapshotTags[key] = render("snapshot_tags", value)
	}
	return errs
}

func (c *Config) checkAMI() []error {
	errs := c.Tagging.check(c.Environment)
	if c.AMIName != "" {
		errs = append(errs, component.Explain(cloud.CheckName(c.AMIName)))
	}
	if c.Environment != "" && !environmentForm.MatchString(c.Environment) {
		errs = append(errs, fmt.Errorf("environment is %q: it must be up to 64 letters, digits, and -_., for example prod", c.Environment))
	}
	for option, text := range map[string]string{"ami_description": c.AMIDescription, "snapshot_description": c.SnapshotDescription} {
		if n := utf8.RuneCountInString(text); n > maxDescription {
			errs = append(errs, fmt.Errorf("%s has %d characters: the maximum is %d", option, n, maxDescription))
		}
	}
	if c.KernelID != "" && !kernelIDForm.MatchString(c.KernelID) {
		errs = append(errs, fmt.Errorf("kernel_id is %q: an AKI is aki- followed by 8 or 17 hexadecimal digits", c.KernelID))
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// checkGroups checks the groups of options.
func (c *Config) checkGroups() []error {
	return explainAll(slices.Concat(
		c.Volumes.check(c.BootMethod),
		c.Encryption.check(c.Region, &c.Sharing),
		c.Sharing.check(),
		c.Lifecycle.check(&c.Sharing, time.Now()),
	))
}

// checkHVM checks the options that only a disk which boots by itself can have:
// EC2's network adapters and boot modes mean nothing to a Xen guest. It also checks
// those that only a paravirtual AMI can have.
func (c *Config) checkHVM(bootMethod string) []error {
	var errs []error
	modes := []string{"", "legacy-bios", "uefi", "uefi-preferred"}
	if !slices.Contains(modes, c.BootMode) {
		errs = append(errs, fmt.Errorf("boot_mode is %q: it must be legacy-bios, uefi or uefi-preferred", c.BootMode))
	}
	if c.IMDSSupport != "" && c.IMDSSupport != "v2.0" {
		errs = append(errs, fmt.Errorf("imds_support is %q: it must be v2.0", c.IMDSSupport))
	}
	method, err := boot.Find(bootMethod)
	if err != nil {
		return errs // it isn't known yet, or a fault of its own
	}
	if c.KernelID != "" && !method.Registration().NeedsAKI {
		errs = append(errs, fmt.Errorf("kernel_id is set, but the boot method is %s: an hvm AMI has no kernel image, so remove kernel_id", bootMethod))
	}
	if method == boot.Disk {
		return errs
	}
	for _, option := range []struct {
		name string
		set  bool
	}{{"ena_support", c.ENASupport}, {"sriov_support", c.SRIOVSupport}, {"boot_mode", c.BootMode != ""}, {"imds_support", c.IMDSSupport != ""}} {
		if option.set {
			errs = append(errs, fmt.Errorf("%s is set, but boot_method is %s: only a disk that boots by itself can have it, so remove it", option.name, bootMethod))
		}
	}
	return errs
}
