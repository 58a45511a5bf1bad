//go:generate packer-sdc mapstructure-to-hcl2 -type Config,DatasourceOutput
//go:generate packer-sdc struct-markdown

// Package pvgrub is the Packer data source "unikernel-pvgrub": the PV-GRUB kernel
// image (AKI) of a region, for templates that register paravirtual AMIs by other
// means than unikernel-ami, which finds it by itself.
package pvgrub

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/hashicorp/packer-plugin-sdk/common"
	"github.com/hashicorp/packer-plugin-sdk/hcl2helper"
	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/zclconf/go-cty/cty"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// Config holds the options of the data source unikernel-pvgrub.
type Config struct {
	common.PackerConfig `mapstructure:",squash"`
	component.Access    `mapstructure:",squash"`

	// The architecture of the kernels that PV-GRUB boots: `x86_64` or `i386`. A
	// PV-GRUB of one architecture doesn't boot kernels of the other.
	// Default: `x86_64`.
	Architecture string `mapstructure:"architecture"`
	// The layout of the disk: `whole-disk` (a file system without partitions) or
	// `partitioned`. Since version 1.04, one PV-GRUB boots both, so this makes a
	// difference for older versions only. Default: `whole-disk`.
	Layout string `mapstructure:"layout"`
	// The version, for example `1.04`. Default: the newest.
	Version string `mapstructure:"version"`
}

// DatasourceOutput is what the data source finds.
type DatasourceOutput struct {
	// The AKI, for example `aki-5c21674b`.
	ID string `mapstructure:"id"`
	// Its name, for example `pv-grub-hd0_1.05-x86_64.gz`.
	Name string `mapstructure:"name"`
	// Its version, for example `1.05`.
	Version string `mapstructure:"version"`
}

// Datasource implements packersdk.Datasource.
type Datasource struct {
	config  Config
	connect component.Connector // cloud.Connect, if nil
}

// ConfigSpec is the form of the options in HCL.
func (d *Datasource) ConfigSpec() hcldec.ObjectSpec { return d.config.FlatMapstructure().HCL2Spec() }

// OutputSpec is the form of the output in HCL.
func (d *Datasource) OutputSpec() hcldec.ObjectSpec {
	return new(DatasourceOutput).FlatMapstructure().HCL2Spec()
}

// Configure reads the options. Its error lists all faults at once.
func (d *Datasource) Configure(raws ...any) error {
	c := &d.config
	*c = Config{}
	if err := config.Decode(c, nil, raws...); err != nil {
		return err
	}
	c.Architecture, c.Layout = cmp.Or(c.Architecture, "x86_64"), cmp.Or(c.Layout, ami.WholeDisk)
	return component.Refuse(
		oneOf("architecture", c.Architecture, "x86_64", "i386"),
		oneOf("layout", c.Layout, ami.WholeDisk, ami.Partitioned),
		checkVersion(c.Version),
	)
}

func oneOf(option, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %q: use %s or %s", option, value, allowed[0], allowed[1])
}

var versionForm = regexp.MustCompile(`^\d{1,3}\.\d{1,3}$`)

func checkVersion(version string) error {
	if version == "" || versionForm.MatchString(version) {
		return nil
	}
	return fmt.Errorf("version is %q: use two numbers, for example 1.05, or omit it to use the newest", version)
}

// Execute asks EC2. It creates nothing.
func (d *Datasource) Execute() (cty.Value, error) {
	ctx := context.Background() // Packer has no other for data sources; the question has its own limit
	found, err := d.find(ctx)
	if err != nil {
		return cty.NullVal(cty.EmptyObject), component.Explain(err)
	}
	output := DatasourceOutput{ID: found.ID, Name: found.Name, Version: found.Version()}
	return hcl2helper.HCL2ValueFromConfig(output, d.OutputSpec()), nil
}

func (d *Datasource) find(ctx context.Context) (found ami.AKI, err error) {
	session, err := d.config.Connect(ctx, d.connect)
	if err != nil {
		return found, err
	}
	_, err = session.Preflight(ctx, func(ctx context.Context) error {
		found, err = ami.FindPVGRUB(ctx, session, ami.PVGRUB{
			Architecture: d.config.Architecture, Layout: d.config.Layout, Version: d.config.Version,
		})
		return err
	})
	return found, err
}
