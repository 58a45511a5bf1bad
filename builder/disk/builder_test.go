package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

func TestPrepare(t *testing.T) {
	var b Builder
	if _, _, err := b.Prepare(map[string]any{"image": "web.xen", "packer_build_name": "web"}); err != nil {
		t.Fatal(err)
	}
	if b.config.Output != "web.raw" {
		t.Errorf("output is %q", b.config.Output)
	}
	_, _, err := new(Builder).Prepare(map[string]any{"disk_size": 65537, "cmdline": "x "})
	for _, want := range []string{"image is not set", "disk_size is 65537", "cmdline: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q", err, want)
		}
	}
}

func TestRunWritesAndDestroyRemoves(t *testing.T) {
	image := filepath.Join(oracle.DebianImages(t), "grub-x86_64-xen.bin")
	output := filepath.Join(t.TempDir(), "web.raw")
	run := func(force bool) (packersdk.Artifact, error) {
		var b Builder
		if _, _, err := b.Prepare(map[string]any{"image": image, "output": output, "packer_force": force}); err != nil {
			t.Fatal(err)
		}
		return b.Run(t.Context(), packersdk.TestUi(t), nil)
	}
	artifact, err := run(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run(false); err == nil || !strings.Contains(err.Error(), "packer build -force") {
		t.Errorf("a disk that exists: %v", err)
	}
	again, err := run(true)
	if err != nil {
		t.Fatal(err)
	}
	if artifact.Id() != again.Id() || len(artifact.Id()) != 64 {
		t.Errorf("ids %s and %s; want the same SHA-256", artifact.Id(), again.Id())
	}
	if files := artifact.Files(); len(files) != 1 || files[0] != output {
		t.Errorf("files %v", files)
	}
	if err := artifact.Destroy(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(output); !os.IsNotExist(err) {
		t.Errorf("after Destroy: %v", err)
	}
}
