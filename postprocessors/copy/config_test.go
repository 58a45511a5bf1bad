package copy

import (
	"strings"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

func TestDefaults(t *testing.T) {
	var c Config
	if err := c.Prepare(block{"ami_regions": []string{"eu-west-1"}}); err != nil {
		t.Fatal(err)
	}
	if c.Method != "auto" || c.Concurrency != 10 || c.Timeout != time.Hour || c.RequireSmokeTest.False() {
		t.Errorf("defaults %+v", c)
	}
}

// Everything that is wrong is said at once, with the value, the rule and the
// remedy.
func TestPrepareRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		options block
		want    []string
	}{
		{"no region", block{}, []string{"ami_regions is not set"}},
		{"regions", block{"region": "us-east-1", "ami_regions": []string{"Ireland", "eu-west-1", "us-east-1", "eu-west-1"}},
			[]string{`ami_regions contains "Ireland"`, "ami_regions lists eu-west-1 twice", "ami_regions contains us-east-1, which is the AMI's own region"}},
		{"regions that aren't copied to", block{"ami_regions": []string{"eu-west-1"}, "best_effort_regions": []string{"eu-west-2"},
			"region_profiles": block{"cn-north-1": "china"}, "encrypt_boot": true, "region_kms_key_ids": block{"sa-east-1": "alias/a"}},
			[]string{"best_effort_regions contains eu-west-2, but ami_regions doesn't", "region_profiles contains cn-north-1", "region_kms_key_ids contains sa-east-1"}},
		{"keys", block{"ami_regions": []string{"eu-west-1", "sa-east-1"}, "kms_key_id": "arn:aws:kms:sa-east-1:123456789012:key/1"},
			[]string{"but encrypt_boot isn't: set encrypt_boot = true", "the KMS key for eu-west-1 is arn:aws:kms:sa-east-1:123456789012:key/1, a key of another region"}},
		{"method", block{"ami_regions": []string{"eu-west-1"}, "method": "fast"}, []string{`method is "fast": it must be auto, copy-image or upload`}},
		{"upload", block{"ami_regions": []string{"eu-west-1"}, "method": "upload", "encrypt_boot": true, "snapshot_copy_duration_minutes": 15},
			[]string{"encrypt_boot is set, but method is upload", "snapshot_copy_duration_minutes is set, but method is upload"}},
		{"numbers", block{"ami_regions": []string{"eu-west-1"}, "snapshot_copy_duration_minutes": 20, "concurrency": 33, "timeout": "-1s"},
			[]string{"snapshot_copy_duration_minutes is 20: it must be a multiple of 15 up to 2880", "concurrency is 33: it must be 1 to 32", "timeout is -1s"}},
		{"names", block{"ami_regions": []string{"eu-west-1"}, "ami_id": "ami-1", "ami_name": "a:b", "ami_description": strings.Repeat("a", 256), "tags": block{"aws:a": "b"}},
			[]string{`ami_id is "ami-1"`, `ami_name "a:b" contains ":"`, "ami_description has 256 characters", "aws:a"}},
		{"an unknown option", block{"ami_regions": []string{"eu-west-1"}, "ami_region": 1}, []string{"ami_region"}},
	} {
		t.Run(test.name, func(t *testing.T) { cloudtest.WantError(t, new(Config).Prepare(test.options), test.want...) })
	}
}

// What the build will produce isn't checked before.
func TestPrepareWithUnknownValues(t *testing.T) {
	if err := new(Config).Prepare(block{"ami_regions": []string{"eu-west-1"}, "ami_id": "<unknown>", "ami_name": "<unknown>"}); err != nil {
		t.Error(err)
	}
}
