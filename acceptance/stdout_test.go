package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// handshake matches what Packer reads from a plugin's stdout (plugin.Server in
// packer-plugin-sdk): the protocol versions and the address of the plugin.
var handshake = regexp.MustCompile(`^[0-9.]+\|[0-9.]+\|(unix|tcp)\|[^|]+$`)

// An upload that takes more than a second shows its progress in Packer's output.
// Nothing is printed to the plugin's stdout, which belongs to Packer.
func TestProgressIsNotPrintedToStdout(t *testing.T) {
	packer := oracle.Need(t, "packer")
	kernel := filepath.Join(oracle.DebianImages(t), "grub-x86_64-xen.bin")
	printed := filepath.Join(t.TempDir(), "stdout")
	plugins := installRecorded(t, packer, printed)
	server, err := localec2.Start(localec2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	// Each of the disk's two blocks takes 1.2 s to upload.
	server.Inject(localec2.Fault{Action: "PutSnapshotBlock", Kind: "delay", Delay: 1200 * time.Millisecond})

	output := packerBuild(t, packer, plugins, server, "-except=smoke-test", "-var", "image="+kernel, "../examples/quickstart/unikernel.pkr.hcl")
	line := regexp.MustCompile(`unikernel-ami\.quickstart: upload: 50% \(512 KiB/1\.0 MiB, [0-9]+ KiB/s\), [12]s left\n`)
	if found := line.FindAllString(output, -1); len(found) != 1 {
		t.Errorf("%d lines of progress, want 1:\n%s", len(found), output)
	}
	lines, err := os.ReadFile(printed)
	if err != nil {
		t.Fatal(err)
	}
	starts := 0
	for line := range strings.Lines(string(lines)) {
		if !handshake.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("the plugin printed %q to stdout", line)
		}
		starts++
	}
	if starts == 0 {
		t.Error("no handshake: has packer changed how it starts plugins?")
	}
}

// installRecorded installs the plugin in a wrapper that copies its stdout to a file
// whenever it is started as a component.
func installRecorded(t *testing.T, packer, printed string) (plugins string) {
	t.Helper()
	dir := t.TempDir()
	plugin, wrapper := filepath.Join(dir, "plugin"), filepath.Join(dir, "packer-plugin-unikernel")
	run(t, nil, "go", "build", "-o", plugin, "../plugin")
	script := fmt.Sprintf("#!/bin/bash\n[[ $1 == start ]] || exec %s \"$@\"\nexec %s \"$@\" > >(exec tee -a %s)\n", plugin, plugin, printed)
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	plugins = filepath.Join(dir, "plugins")
	run(t, []string{"PACKER_PLUGIN_PATH=" + plugins, "PACKER_CONFIG_DIR=" + dir, "CHECKPOINT_DISABLE=1"},
		packer, "plugins", "install", "--path", wrapper, "github.com/unikernel-ami/unikernel")
	return plugins
}

// packerBuild runs packer in this directory against the server.
func packerBuild(t *testing.T, packer, plugins string, server *localec2.Running, args ...string) string {
	t.Helper()
	cmd := exec.Command(packer, append([]string{"build"}, args...)...)
	cmd.Env = append(append(os.Environ(), server.Env()...), "PACKER_PLUGIN_PATH="+plugins, "PACKER_CONFIG_DIR="+t.TempDir(),
		"PACKER_NO_COLOR=1", "CHECKPOINT_DISABLE=1")
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("packer build %s: %v\n%s", args, err, output)
	}
	return string(output)
}
