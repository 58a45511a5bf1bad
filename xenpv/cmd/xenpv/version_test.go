package main

import (
	"bytes"
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersion(t *testing.T) {
	commit := []debug.BuildSetting{
		{Key: "vcs", Value: "git"},
		{Key: "vcs.revision", Value: "0123abc"},
		{Key: "vcs.time", Value: "2026-11-21T10:00:00Z"},
		{Key: "vcs.modified", Value: "false"},
	}
	changed := append(append([]debug.BuildSetting{}, commit[:3]...), debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	platform := runtime.GOOS + "/" + runtime.GOARCH
	for name, test := range map[string]struct {
		version  string
		settings []debug.BuildSetting
		want     string
	}{
		"go install":          {"v0.1.0", nil, "xenpv v0.1.0, go1.26.8 " + platform + "\n"},
		"go build":            {"(devel)", commit, "xenpv (devel), commit 0123abc of 2026-11-21T10:00:00Z, go1.26.8 " + platform + "\n"},
		"go build, work tree": {"(devel)", changed, "xenpv (devel), commit 0123abc of 2026-11-21T10:00:00Z with changes, go1.26.8 " + platform + "\n"},
	} {
		info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: test.version}, Settings: test.settings}
		var out bytes.Buffer
		if err := readBuild(info).print(&out, false); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestVersionOfThisProgram(t *testing.T) {
	status, stdout, stderr := runXenpv(t, "version")
	if status != 0 || stderr != "" || !strings.HasPrefix(stdout, "xenpv ") || !strings.Contains(stdout, runtime.Version()) {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	_, stdout, _ = runXenpv(t, "version", "--json")
	var got map[string]any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if got["go"] != runtime.Version() || got["platform"] != runtime.GOOS+"/"+runtime.GOARCH || got["modified"] != false {
		t.Errorf("%v", got)
	}
	if _, ok := got["version"]; !ok {
		t.Errorf("no version: %v", got)
	}
}
