package ami

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	registryimage "github.com/hashicorp/packer-plugin-sdk/packer/registry/image"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

func options(change map[string]any) map[string]any {
	options := map[string]any{
		"packer_build_name": "web",
		"image":             "web.xen",
		"region":            "us-east-1",
		"ami_name":          "web-{{ .Environment }}",
		"environment":       "dev",
	}
	maps.Copy(options, change)
	return options
}

func TestDefaults(t *testing.T) {
	var b Builder
	generated, warnings, err := b.Prepare(options(nil))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if diff := cmp.Diff(generatedNames, generated); diff != "" {
		t.Error(diff)
	}
	c := b.config
	got := []any{c.AMIName, c.VolumeSize, c.VolumeType, c.Compress, c.BootMethod, c.PlanOnly}
	if diff := cmp.Diff([]any{"web-dev", int32(0), "gp2", "auto", "auto", false}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEnvironmentIsATemplateVariable(t *testing.T) {
	var b Builder
	_, _, err := b.Prepare(options(map[string]any{
		"ami_name":        "{{ clean_resource_name `a:b` }} {{ .Environment }}",
		"ami_description": "for {{ .Environment }}",
		"tags":            map[string]string{"A": "{{ .Environment }}"},
		"snapshot_tags":   map[string]string{"S": "{{ .Environment }}"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{b.config.AMIName, b.config.AMIDescription, b.config.Tags["A"], b.config.SnapshotTags["S"]}
	if diff := cmp.Diff([]string{"a-b dev", "for dev", "dev", "dev"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPrepareRefuses(t *testing.T) {
	for _, test := range []struct {
		option string
		value  any
		want   string
	}{
		{"image", "", "image is not set"},
		{"cmdline", "a\nb", "cmdline: "},
		{"compress", "xz", `compress is "xz": it must be auto, gzip or none`},
		{"ami_name", "", "ami_name is not set"},
		{"ami_name", `{{ "" }}`, "ami_name is not set"},
		{"ami_name", "{{ .Region }}", `ami_name is "{{ .Region }}": `},
		{"ami_description", strings.Repeat("d", 256), "256 characters: the maximum is 255"},
		{"environment", "a b", `environment is "a b"`},
		{"tags", map[string]string{"unikernel:x": ""}, "set by this plugin"},
		{"snapshot_tags", map[string]string{"Environment": "prod"}, `environment is "dev": remove one of them`},
		{"kernel_id", "aki-1", `kernel_id is "aki-1"`},
		{"volume_size", -1, "volume_size is -1"},
		{"volume_size", 16385, "a volume of type gp2 has 1 to 16384 GiB"},
		{"volume_type", "sc1", "volume_type is sc1: EC2 doesn't boot from such volumes"},
		{"volume_type", "gp9", `volume_type is "gp9": it must be one of gp2, gp3`},
		{"ami_nam", "x", "ami_nam"},
		{"snapshot_method", "ebs", `snapshot_method is "ebs": it must be ebs-direct or s3-import`},
		{"snapshot_method", "s3-import", "s3_bucket is not set"},
		{"s3_bucket", "b", "s3_bucket is set, but snapshot_method is ebs-direct: set it to s3-import, or remove s3_bucket"},
		{"role_name", "vmimport", "role_name is set, but snapshot_method is ebs-direct"},
		{"upload_workers", 65, "upload_workers is 65: it must be 1 to 64"},
		{"upload_workers", -1, "upload_workers is -1: it must be 1 to 64"},
	} {
		t.Run(test.option, func(t *testing.T) {
			var b Builder
			_, _, err := b.Prepare(options(map[string]any{test.option: test.value}))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), "\n* ") > 1 {
				t.Errorf("error %v; want %q and no other", err, test.want)
			}
		})
	}
}

func TestArtifact(t *testing.T) {
	image := filepath.Join(oracle.DebianImages(t), "grub-x86_64-xen.bin")
	server, err := localec2.Start(localec2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, variable := range server.Env() {
		key, value, _ := strings.Cut(variable, "=")
		t.Setenv(key, value)
	}
	var b Builder
	if _, _, err := b.Prepare(options(map[string]any{"image": image})); err != nil {
		t.Fatal(err)
	}
	artifact, err := b.Run(t.Context(), packersdk.TestUi(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	made := server.Resources()["us-east-1"]
	id, snapshot := made.Images[0].ID, made.Snapshots[0].ID
	if got, want := artifact.Id(), "us-east-1:"+id; got != want {
		t.Errorf("id %s; want %s", got, want)
	}
	if got, want := artifact.String(), "AMIs were created:\nus-east-1: "+id+"\n"; got != want {
		t.Errorf("text %q; want %q", got, want)
	}
	content := made.Images[0].Tags["unikernel:content"]
	want := []*registryimage.Image{{
		ImageID: id, ProviderName: "aws", ProviderRegion: "us-east-1",
		Labels: map[string]string{
			"snapshot": snapshot, "kernel": "pv-grub-hd0_1.05-x86_64.gz",
			"environment": "dev", "system": "grub", "content": content, "boot_method": "pv-grub",
		},
	}}
	if diff := cmp.Diff(want, artifact.State(registryimage.ArtifactStateURI)); diff != "" {
		t.Error(diff)
	}
	generated := map[string]string{
		"BuildRegion": "us-east-1", "AMI": id, "SnapshotID": snapshot, "KernelID": "aki-5c21674b",
		"Environment": "dev", "System": "grub", "Content": content, "BootMethod": "pv-grub",
	}
	if diff := cmp.Diff(generated, artifact.State("generated_data")); diff != "" {
		t.Error(diff)
	}
	if err := artifact.Destroy(); err != nil {
		t.Error(err)
	}
	if left := server.Resources(); len(left) > 0 {
		t.Errorf("left behind: %+v", left)
	}
}

// A template may ask whether there is an environment; it may not print one that
// isn't set.
func TestEnvironmentThatIsNotSet(t *testing.T) {
	for name, test := range map[string]struct {
		template, want string // want is "" if it is refused
	}{
		"printed":     {"web-{{ .Environment }}-1", ""},
		"asked":       {"web{{ if .Environment }}-{{ .Environment }}{{ end }}", "web"},
		"in a call":   {"web-{{ .Environment | upper }}", ""},
		"not used":    {"web", "web"},
		"cleaned":     {"{{ clean_resource_name .Environment }}web", ""},
		"only itself": {"{{ .Environment }}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var b Builder
			_, _, err := b.Prepare(options(map[string]any{"environment": "", "ami_name": test.template}))
			if test.want == "" {
				if err == nil || !strings.Contains(err.Error(), "uses {{ .Environment }}, and environment is not set") {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || b.config.AMIName != test.want {
				t.Errorf("ami_name %q, error %v; want %q", b.config.AMIName, err, test.want)
			}
		})
	}
}
