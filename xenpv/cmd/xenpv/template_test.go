package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/templates"
)

func TestHelpIsGolden(t *testing.T) {
	for _, command := range []string{"inspect", "wrap", "template", "version"} {
		_, long, _ := runXenpv(t, command, "--help")
		_, short, _ := runXenpv(t, "help", command)
		if long != short {
			t.Errorf("%s --help differs from help %s", command, command)
		}
		for _, part := range []string{"\nExit status: 0", "\nExamples:\n  xenpv " + command, "--json"} {
			if !strings.Contains(long, part) {
				t.Errorf("%s --help lacks %q", command, part)
			}
		}
	}
	for name, args := range map[string][]string{
		"help.txt":          {"--help"},
		"template-help.txt": {"template", "--help"},
		"version-help.txt":  {"version", "--help"},
		"template.txt":      {"template"},
		"template.json":     {"template", "--json"},
	} {
		status, stdout, stderr := runXenpv(t, args...)
		if status != 0 || stderr != "" {
			t.Errorf("%s: status %d, stderr %q", name, status, stderr)
		}
		golden(t, name, stdout)
	}
}

func TestTemplatePrintsTheFile(t *testing.T) {
	for _, system := range templates.Systems() {
		want, err := templates.Get(system)
		if err != nil {
			t.Fatal(err)
		}
		if _, stdout, _ := runXenpv(t, "template", system); stdout != want {
			t.Errorf("%s: (-want +got):\n%s", system, cmp.Diff(want, stdout))
		}
		_, stdout, _ := runXenpv(t, "template", "--json", system)
		var got map[string]string
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"system": system, "template": want}, got); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", system, diff)
		}
	}
}

func TestTemplateFails(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown system": {[]string{"template", "erlang"}, `xenpv: get template: no template for "erlang": use clickos, disk, halvm, `},
		"a path":         {[]string{"template", "../ling"}, `no template for "../ling"`},
		"two systems":    {[]string{"template", "ling", "osv"}, "accepts at most 1 arg"},
		"version of":     {[]string{"version", "ling"}, `unknown command "ling"`},
	} {
		status, stdout, stderr := runXenpv(t, test.args...)
		if status != 2 || stdout != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: status %d, stdout %q, stderr %q", name, status, stdout, stderr)
		}
	}
}

// What a shell asks the program for when the user presses Tab.
func TestCompletion(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"commands": {[]string{"in"}, []string{"inspect"}},
		"systems":  {[]string{"template", "mi"}, []string{"minios", "mirage"}},
		"flags":    {[]string{"version", "--j"}, []string{"--json"}},
	} {
		_, stdout, _ := runXenpv(t, append([]string{"__completeNoDesc"}, test.args...)...)
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		if diff := cmp.Diff(test.want, lines[:len(lines)-1]); diff != "" { // the last is a directive
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if status, stdout, stderr := runXenpv(t, "completion", shell); status != 0 || !strings.Contains(stdout, "__complete") {
			t.Errorf("%s: status %d, stderr %q, no completion script", shell, status, stderr)
		}
	}
}
