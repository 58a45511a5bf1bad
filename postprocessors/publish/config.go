//go:generate packer-sdc mapstructure-to-hcl2 -type Config,Prune
//go:generate packer-sdc struct-markdown

package publish

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/hashicorp/packer-plugin-sdk/common"
	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/parameter"
)

// Config holds the options of the post-processor unikernel-publish.
type Config struct {
	common.PackerConfig `mapstructure:",squash"`
	component.Access    `mapstructure:",squash"`

	// The AMIs to publish, by region, for example
	// `{ "eu-west-1" = "ami-0123456789abcdef0" }`. Default: the AMIs of the artifact.
	AMIIDs map[string]string `mapstructure:"ami_ids"`
	// Refuse to publish an AMI that hasn't passed `unikernel-smoke-test`: either in
	// this build, or according to its tag `unikernel:smoke-test`. Default: `true`.
	RequireSmokeTest config.Trilean `mapstructure:"require_smoke_test"`

	// The account IDs that can launch the AMI, for example `["111122223333"]`.
	// Default: only the account that owns it.
	AMIUsers []string `mapstructure:"ami_users"`
	// `["all"]` makes the AMI public.
	AMIGroups []string `mapstructure:"ami_groups"`
	// The ARNs of the organizations that can launch the AMI, for example
	// `["arn:aws:organizations::111122223333:organization/o-abcdefghij"]`.
	AMIOrgArns []string `mapstructure:"ami_org_arns"`
	// The ARNs of the organizational units that can launch the AMI, for example
	// `["arn:aws:organizations::111122223333:ou/o-abcdefghij/ou-ab12-cdefgh34"]`.
	AMIOuArns []string `mapstructure:"ami_ou_arns"`
	// The account IDs that can create volumes from the AMI's snapshots. Launching
	// the AMI doesn't require this.
	SnapshotUsers []string `mapstructure:"snapshot_users"`
	// `["all"]` makes the snapshots public.
	SnapshotGroups []string `mapstructure:"snapshot_groups"`

	// The names of the SSM parameters that get the AMI's ID in each region, for
	// example `["/unikernel/{{ .Family }}/{{ .Environment }}/ami"]`. See
	// [Parameter names](#parameter-names). All parameters are written, or none.
	SSMParameters []string `mapstructure:"ssm_parameters"`
	// The data type of the parameters. With `aws:ec2:image`, SSM checks that each
	// value is an AMI in its region, and `RunInstances` accepts the parameter
	// instead of an AMI ID. `text` skips the check. Default: `aws:ec2:image`.
	SSMDataType string `mapstructure:"ssm_data_type"`
	// Overwrite SSM parameters that have a different value. Default: `false`, which
	// fails before anything is published.
	SSMAllowOverwrite bool `mapstructure:"ssm_allow_overwrite"`

	// The version of the release, for parameter names and the manifest. Default:
	// the version at the end of the AMI's name, for example `1.4.0` in
	// `web-prod-1.4.0`.
	ReleaseVersion string `mapstructure:"release_version"`
	// Deprecate the earlier releases of the AMI. They can still be launched, but
	// other accounts no longer find them in lists. See
	// [Earlier releases](#earlier-releases).
	DeprecatePrevious bool `mapstructure:"deprecate_previous"`
	// Remove old releases of the AMI, with their snapshots. See
	// [Earlier releases](#earlier-releases).
	Prune Prune `mapstructure:"prune"`

	// The file to write the release manifest to, for example `release.json`. Its
	// SHA-256 digest is written next to it, with the extension `.sha256`. See
	// [Manifest](#manifest).
	Manifest string `mapstructure:"manifest"`
}

// Prune holds the options of the block prune. A release is removed only if neither
// option keeps it.
type Prune struct {
	// The number of newest releases to keep, including this one.
	KeepReleases int `mapstructure:"keep_releases"`
	// Keep releases that are at most this many days old.
	KeepDays int `mapstructure:"keep_days"`
	// Show what would be removed, and remove nothing.
	DryRun bool `mapstructure:"dry_run"`
}

func (p Prune) enabled() bool { return p.KeepReleases > 0 || p.KeepDays > 0 }

// permissions are the options for sharing.
func (c *Config) permissions() ami.Permissions {
	return ami.Permissions{
		Users: c.AMIUsers, Groups: c.AMIGroups, OrgARNs: c.AMIOrgArns, OUARNs: c.AMIOuArns,
		SnapshotUsers: c.SnapshotUsers, SnapshotGroups: c.SnapshotGroups,
	}
}

// options are the options that set the fields of [ami.Permissions].
var options = map[string]string{
	"Users": "ami_users", "Groups": "ami_groups", "OrgARNs": "ami_org_arns", "OUARNs": "ami_ou_arns",
	"SnapshotUsers": "snapshot_users", "SnapshotGroups": "snapshot_groups",
}

// explain words an error for the user of Packer.
func explain(err error) error {
	if err == nil {
		return nil
	}
	return cloud.Worded(component.Explain(err), options)
}

// Prepare reads the options and sets defaults. Its error lists all faults at
// once.
func (c *Config) Prepare(raws ...any) error {
	err := config.Decode(c, &config.DecodeOpts{
		PluginType:         "unikernel-publish",
		Interpolate:        true,
		InterpolateContext: &interpolate.Context{},
		InterpolateFilter:  &interpolate.RenderFilter{Exclude: []string{"ssm_parameters"}},
	}, raws...)
	if err != nil {
		return err
	}
	if c.SSMDataType == "" {
		c.SSMDataType = parameter.Image
	}
	errs := append(c.CheckAccess(), c.checkAMIs(), explain(c.permissions().Check()), c.checkParameters(), c.checkPrune(), c.checkPurpose())
	return component.Refuse(errs...)
}

var amiIDForm = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)

func (c *Config) checkAMIs() error {
	var errs []error
	for region, id := range c.AMIIDs {
		if !amiIDForm.MatchString(id) {
			errs = append(errs, fmt.Errorf("ami_ids has %q for %s: an AMI is ami- followed by 8 or 17 hexadecimal digits", id, region))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) checkParameters() error {
	var errs []error
	if c.SSMDataType != parameter.Image && c.SSMDataType != parameter.Text {
		errs = append(errs, fmt.Errorf("ssm_data_type is %q: it must be %s or %s", c.SSMDataType, parameter.Image, parameter.Text))
	}
	example := names{Region: "us-east-1", Environment: "prod", Architecture: "x86_64", Name: "web-1", Family: "web", Version: "1"}
	if _, err := example.render(c.SSMParameters); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Config) checkPrune() error {
	switch p := c.Prune; {
	case p.KeepReleases < 0 || p.KeepDays < 0:
		return fmt.Errorf("prune has keep_releases = %d and keep_days = %d: they can't be negative", p.KeepReleases, p.KeepDays)
	case p.DryRun && !p.enabled():
		return errors.New("prune sets neither keep_releases nor keep_days: set at least one of them")
	}
	return nil
}

// checkPurpose refuses a block that would do nothing.
func (c *Config) checkPurpose() error {
	if c.permissions().Empty() && len(c.SSMParameters) == 0 && !c.DeprecatePrevious && !c.Prune.enabled() && c.Manifest == "" {
		return errors.New("nothing to publish: set ami_users or another option for sharing, ssm_parameters, deprecate_previous, prune, or manifest")
	}
	return nil
}
