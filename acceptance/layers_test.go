package acceptance

import (
	"errors"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/unikernel-ami/packer-plugin-unikernel/"

// A layer is the packages in and below its folders, or all but those, and what
// they may never depend on, however far down.
type layer struct {
	name      string
	folders   []string
	others    bool // the packages that are not in the folders
	forbidden []string
}

var layers = []layer{
	{
		name:      "the domain knows no cloud and no Packer",
		folders:   []string{"xenpv"},
		forbidden: []string{"github.com/aws/", "github.com/hashicorp/"},
	},
	{
		name:      "the cloud knows no Packer",
		folders:   []string{"internal/ec2ami"},
		forbidden: []string{"github.com/hashicorp/"},
	},
	{
		name:      "only the plugin's components are parts of Packer",
		folders:   []string{"builder", "postprocessors", "plugin", "internal/component"},
		others:    true,
		forbidden: []string{"github.com/hashicorp/packer-plugin-sdk/"},
	},
}

func TestLayers(t *testing.T) {
	deps := dependencies(t)
	for _, l := range layers {
		t.Run(l.name, func(t *testing.T) {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(deps)), l.holds) {
				t.Errorf("no package in the layer: have its folders %v moved?", l.folders)
			}
			if diff := cmp.Diff([]string(nil), l.violations(deps)); diff != "" {
				t.Errorf("dependencies that the layer forbids (+):\n%s", diff)
			}
		})
	}
}

func TestLayerViolationsAreSeen(t *testing.T) {
	deps := map[string][]string{
		module + "builder/ami":     {"github.com/aws/smithy-go", "github.com/hashicorp/packer-plugin-sdk/packer"},
		module + "internal/ec2ami": {"github.com/aws/smithy-go"},
		module + "xenpv":           {"io", "github.com/aws/smithy-go"},
		module + "xenpv/cmd/xenpv": {"github.com/hashicorp/packer-plugin-sdk/packer"},
		module + "xenpv/disk/ext2": {"io"},
		module + "xenpvother":      {"github.com/aws/smithy-go"},
	}
	want := [][]string{
		{"xenpv -> github.com/aws/smithy-go", "xenpv/cmd/xenpv -> github.com/hashicorp/packer-plugin-sdk/packer"},
		nil,
		{"xenpv/cmd/xenpv -> github.com/hashicorp/packer-plugin-sdk/packer"},
	}
	for i, l := range layers {
		if diff := cmp.Diff(want[i], l.violations(deps)); diff != "" {
			t.Errorf("%s: violations (-want +got):\n%s", l.name, diff)
		}
	}
}

// violations lists the layer's packages with what they should not depend on.
func (l layer) violations(deps map[string][]string) []string {
	var found []string
	for _, pkg := range slices.Sorted(maps.Keys(deps)) {
		if !l.holds(pkg) {
			continue
		}
		for _, dep := range deps[pkg] {
			if slices.ContainsFunc(l.forbidden, func(prefix string) bool { return strings.HasPrefix(dep, prefix) }) {
				found = append(found, strings.TrimPrefix(pkg, module)+" -> "+dep)
			}
		}
	}
	return found
}

// holds tells whether the package belongs to the layer.
func (l layer) holds(pkg string) bool {
	inside := slices.ContainsFunc(l.folders, func(folder string) bool {
		return strings.HasPrefix(pkg+"/", module+folder+"/")
	})
	return inside != l.others
}

// dependencies asks the go command for each of the module's packages and for
// everything that it depends on, tests aside.
func dependencies(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "./...")
	list.Dir = ".."
	out, err := list.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	} else if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		deps[words[0]] = words[1:]
	}
	return deps
}
