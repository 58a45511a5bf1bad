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

// A layer is a set of packages, those in and below its directories or all others,
// and what they may never depend on, directly or indirectly.
type layer struct {
	name      string
	dirs      []string
	except    []string // directories below them that don't belong to the layer
	others    bool     // the packages outside the directories
	forbidden []string
}

const (
	awsModules = "github.com/aws/"
	hashicorp  = "github.com/hashicorp/"
	packerSDK  = "github.com/hashicorp/packer-plugin-sdk/"
)

var layers = []layer{
	{
		name:      "the domain knows no cloud and no Packer",
		dirs:      []string{"xenpv"},
		except:    []string{"xenpv/cmd/xenpv"},
		forbidden: []string{awsModules, hashicorp, module + "internal/cloud", module + "acceptance"},
	},
	{
		name:      "the command may know the cloud, and knows no Packer",
		dirs:      []string{"xenpv/cmd/xenpv"},
		forbidden: []string{hashicorp, module + "acceptance"},
	},
	{
		name:      "checks know no cloud and no Packer",
		dirs:      []string{"internal/check", "internal/progress", "internal/lifeline"},
		forbidden: []string{awsModules, hashicorp, module + "internal/cloud", module + "acceptance"},
	},
	{
		name:      "the cloud knows no Packer and no local EC2",
		dirs:      []string{"internal/cloud", "internal/snapshot", "internal/ami", "internal/parameter", "internal/instance"},
		forbidden: []string{hashicorp, module + "acceptance", module + "internal/component", module + "builder", module + "postprocessors"},
	},
	{
		name:      "the session and the ledger know nothing of what is made with them",
		dirs:      []string{"internal/cloud"},
		forbidden: []string{module + "internal/snapshot", module + "internal/ami", module + "internal/parameter", module + "internal/instance", module + "xenpv"},
	},
	{
		name:      "post-processors know no source",
		dirs:      []string{"postprocessors"},
		forbidden: []string{module + "builder", module + "acceptance"},
	},
	{
		name:      "data sources know no other component",
		dirs:      []string{"datasources"},
		forbidden: []string{module + "builder", module + "postprocessors", module + "acceptance"},
	},
	{
		name:      "sources know no post-processor",
		dirs:      []string{"builder"},
		forbidden: []string{module + "postprocessors", module + "acceptance"},
	},
	{
		name:      "what components share knows none of them",
		dirs:      []string{"internal/component"},
		forbidden: []string{module + "builder", module + "postprocessors", module + "acceptance"},
	},
	{
		name:      "only the plugin's components are parts of Packer",
		dirs:      []string{"builder", "postprocessors", "datasources", "plugin", "internal/component"},
		others:    true,
		forbidden: []string{packerSDK},
	},
}

func TestLayers(t *testing.T) {
	deps := dependencies(t)
	for _, l := range layers {
		t.Run(l.name, func(t *testing.T) {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(deps)), l.holds) {
				t.Errorf("no package in the layer: have its directories %v moved?", l.dirs)
			}
			if diff := cmp.Diff([]string(nil), l.violations(deps)); diff != "" {
				t.Errorf("forbidden dependencies (+):\n%s", diff)
			}
		})
	}
}

// Each rule is shown to fail.
func TestLayerViolations(t *testing.T) {
	deps := map[string][]string{
		module + "builder/ami":               {awsModules + "smithy-go", packerSDK + "packer", module + "postprocessors/smoketest"},
		module + "datasources/pvgrub":        {packerSDK + "packer", module + "builder/ami"},
		module + "internal/ami":              {awsModules + "smithy-go", module + "acceptance/localec2"},
		module + "internal/check":            {awsModules + "smithy-go"},
		module + "internal/cloud":            {module + "internal/ami"},
		module + "internal/component":        {packerSDK + "packer", module + "builder/ami"},
		module + "postprocessors/smoketest":  {packerSDK + "packer", module + "builder/ami"},
		module + "xenpv":                     {"io", awsModules + "smithy-go"},
		module + "xenpv/cmd/xenpv":           {awsModules + "smithy-go", packerSDK + "packer"},
		module + "xenpv/disk/ext2":           {"io"},
		module + "xenpvother":                {awsModules + "smithy-go"},
		module + "acceptance/localec2/guest": {module + "xenpv/hypervisor"},
	}
	want := [][]string{
		{"xenpv -> " + awsModules + "smithy-go"},
		{"xenpv/cmd/xenpv -> " + packerSDK + "packer"},
		{"internal/check -> " + awsModules + "smithy-go"},
		{"internal/ami -> " + module + "acceptance/localec2"},
		{"internal/cloud -> " + module + "internal/ami"},
		{"postprocessors/smoketest -> " + module + "builder/ami"},
		{"datasources/pvgrub -> " + module + "builder/ami"},
		{"builder/ami -> " + module + "postprocessors/smoketest"},
		{"internal/component -> " + module + "builder/ami"},
		{"xenpv/cmd/xenpv -> " + packerSDK + "packer"},
	}
	for i, l := range layers {
		if diff := cmp.Diff(want[i], l.violations(deps)); diff != "" {
			t.Errorf("%s: violations (-want +got):\n%s", l.name, diff)
		}
	}
}

// violations lists the layer's packages with their forbidden dependencies.
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

// holds reports whether the package belongs to the layer.
func (l layer) holds(pkg string) bool {
	below := func(dir string) bool { return strings.HasPrefix(pkg+"/", module+dir+"/") }
	inside := slices.ContainsFunc(l.dirs, below) && !slices.ContainsFunc(l.except, below)
	return inside != l.others
}

// dependencies returns the module's packages and all their dependencies, except
// those of tests.
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
