//go:generate packer-sdc struct-markdown

package ami

import (
	"fmt"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Tagging has the options for the tags of the AMI and its snapshots.
type Tagging struct {
	// Tags for the AMI, set when it is registered. Values may use
	// `{{ .Environment }}`.
	Tags map[string]string `mapstructure:"tags"`
	// Adds one tag to the AMI. Repeat the block for more tags, for example with
	// `dynamic`: `tag { key = "Service" value = "web" }`.
	Tag config.KeyValues `mapstructure:"tag"`
	// Tags for the snapshots, set when they are started.
	SnapshotTags map[string]string `mapstructure:"snapshot_tags"`
	// Adds one tag to the snapshots. It can be repeated, like `tag`.
	SnapshotTag config.KeyValues `mapstructure:"snapshot_tag"`
}

// merge adds the blocks to the maps. A key that has two values is a fault.
func (t *Tagging) merge() []error {
	return append(mergeTags("tag", t.Tag, "tags", &t.Tags), mergeTags("snapshot_tag", t.SnapshotTag, "snapshot_tags", &t.SnapshotTags)...)
}

func mergeTags(block string, pairs config.KeyValues, option string, all *map[string]string) []error {
	var errs []error
	for _, pair := range pairs {
		if value, taken := (*all)[pair.Key]; taken && value != pair.Value {
			errs = append(errs, fmt.Errorf("%s sets %q to %q, but another %s block or %s sets it to %q: remove one of them", block, pair.Key, pair.Value, block, option, value))
		}
		if *all == nil {
			*all = map[string]string{}
		}
		(*all)[pair.Key] = pair.Value
	}
	return errs
}

func (t *Tagging) check(environment string) []error {
	return []error{
		cloud.CheckTags("tags", t.Tags),
		cloud.CheckTags("snapshot_tags", t.SnapshotTags),
		checkEnvironmentTag("tags", t.Tags, environment),
		checkEnvironmentTag("snapshot_tags", t.SnapshotTags, environment),
	}
}

// checkEnvironmentTag refuses two values for the same tag.
func checkEnvironmentTag(option string, tags map[string]string, environment string) error {
	value, ok := tags[cloud.EnvironmentTag]
	if !ok || environment == "" || value == environment {
		return nil
	}
	return fmt.Errorf("%s sets %s to %q, but environment is %q: remove one of them", option, cloud.EnvironmentTag, value, environment)
}
