package common

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// A command line in the template goes before that of the domain configuration;
// none, null, or an empty one does not. The configuration's memory is told.
func TestWrapDomainConfig(t *testing.T) {
	kernel, dir := filepath.Join(oracle.DebianImages(t), "grub-x86_64-xen.bin"), t.TempDir()
	image := filepath.Join(dir, "domain_config")
	err := errors.Join(
		os.Symlink(kernel, filepath.Join(dir, "web.img")),
		os.WriteFile(image, []byte("name = \"web\"\nkernel = \"web.img\"\nextra = \"-home /web -pz\"\nmemory = 64\nvif = []\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options map[string]any
		want    string
	}{
		"none":  {map[string]any{"image": image}, "-home /web -pz"},
		"null":  {map[string]any{"image": image, "cmdline": nil}, "-home /web -pz"},
		"empty": {map[string]any{"image": image, "cmdline": ""}, "-home /web -pz"},
		"some":  {map[string]any{"image": image, "cmdline": "-dhcp"}, "-dhcp"},
	} {
		var c Config
		if err := config.Decode(&c, nil, test.options); err != nil {
			t.Fatal(name, err)
		}
		if errs := c.Prepare(); len(errs) > 0 {
			t.Fatal(name, errs)
		}
		u := &ui{}
		w, err := c.Wrap(t.Context(), u, 0, false)
		if err != nil {
			t.Fatal(name, err)
		}
		disk := make([]byte, w.Used())
		if _, err := w.ReadAt(disk, 0); err != nil {
			t.Fatal(name, err)
		}
		if line := strings.TrimRight("kernel /boot/kernel "+test.want, " ") + "\n"; w.CommandLine != test.want || !strings.Contains(string(disk), line) {
			t.Errorf("%s: command line %q, want %q", name, w.CommandLine, test.want)
		}
		if w.MemoryMiB != 64 || !u.said("domain_config sets 64 MiB of memory") {
			t.Errorf("%s: %d MiB of memory, %q", name, w.MemoryMiB, u.lines)
		}
		if err := w.Close(); err != nil {
			t.Error(name, err)
		}
	}
}
