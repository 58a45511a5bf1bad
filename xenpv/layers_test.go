package xenpv

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/unikernel-ami/packer-plugin-unikernel/"

// layers are the packages of this module that each package may depend on,
// directly or not. That keeps facts (image), decisions (boot) and bytes (disk)
// apart.
var layers = map[string][]string{
	"xenpv/internal/files":  {},
	"xenpv/internal/debian": {},
	"xenpv/disk/bootsector": {},
	// The multiboot header is one of the facts: the loader's package reads it.
	"xenpv/image":     {"xenpv/internal/files", "xenpv/disk/bootsector"},
	"xenpv/xlconfig":  {"xenpv/internal/files", "xenpv/disk/bootsector", "xenpv/image"},
	"xenpv/disk/ext2": {},
	"xenpv/disk":      {"xenpv/internal/files", "xenpv/disk/ext2", "xenpv/disk/bootsector"},
	"xenpv/boot":      {"xenpv/internal/files", "xenpv/disk/bootsector", "xenpv/image", "xenpv/disk", "xenpv/disk/ext2"},
	"xenpv":           {"xenpv/internal/debian", "xenpv/internal/files", "xenpv/disk/bootsector", "xenpv/image", "xenpv/xlconfig", "xenpv/disk", "xenpv/disk/ext2", "xenpv/boot"},
}

func TestLayers(t *testing.T) {
	for pkg := range layers {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+pkg).Output()
		if err != nil {
			t.Fatalf("go list -deps %s: %v", pkg, err)
		}
		if diff := cmp.Diff([]string(nil), violations(pkg, strings.Fields(string(out)))); diff != "" {
			t.Errorf("%s must not depend on (+):\n%s", pkg, diff)
		}
	}
}

func TestViolations(t *testing.T) {
	deps := []string{"io", module + "xenpv/internal/files", module + "xenpv/boot", module + "xenpv/image", "github.com/aws/smithy-go"}
	if diff := cmp.Diff([]string{"xenpv/boot"}, violations("xenpv/image", deps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// violations returns the packages of this module among deps that pkg may not
// depend on.
func violations(pkg string, deps []string) []string {
	var found []string
	for _, dep := range deps {
		name, own := strings.CutPrefix(dep, module)
		if own && name != pkg && !slices.Contains(layers[pkg], name) {
			found = append(found, name)
		}
	}
	return found
}
