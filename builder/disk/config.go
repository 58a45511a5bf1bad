//go:generate packer-sdc mapstructure-to-hcl2 -type Config
//go:generate packer-sdc struct-markdown

package disk

import (
	"fmt"

	sdkcommon "github.com/hashicorp/packer-plugin-sdk/common"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"

	"github.com/unikernel-ami/packer-plugin-unikernel/builder/common"
)

// Config holds the options of the source unikernel-disk.
type Config struct {
	sdkcommon.PackerConfig `mapstructure:",squash"`
	common.Config          `mapstructure:",squash"`

	// The file for the raw disk. Default: the name of the build followed by `.raw`.
	// An existing file is replaced only with `packer build -force`.
	Output string `mapstructure:"output"`
	// The size of the disk in GiB. Default: as small as possible, in whole MiB. The
	// disk is a sparse file: unused space is not allocated.
	DiskSize int64 `mapstructure:"disk_size"`
}

// maxDiskSize is the largest EBS volume, in GiB.
const maxDiskSize = 65536

// Prepare reads the options and sets defaults. Its error lists all faults at
// once.
func (c *Config) Prepare(raws ...any) error {
	err := config.Decode(c, &config.DecodeOpts{
		PluginType:         "unikernel-disk",
		Interpolate:        true,
		InterpolateContext: new(interpolate.Context),
	}, raws...)
	if err != nil {
		return err
	}
	if c.Output == "" {
		c.Output = c.PackerBuildName + ".raw"
	}
	var errs *packersdk.MultiError
	errs = packersdk.MultiErrorAppend(errs, c.Config.Prepare()...)
	if c.DiskSize < 0 || c.DiskSize > maxDiskSize {
		errs = packersdk.MultiErrorAppend(errs, fmt.Errorf("disk_size is %d: it must be 1 to %d GiB", c.DiskSize, maxDiskSize))
	}
	if errs != nil && len(errs.Errors) > 0 {
		return errs
	}
	return nil
}
