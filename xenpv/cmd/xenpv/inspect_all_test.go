package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeImages makes a directory with a kernel, a text, an empty file and a file
// whose name would play tricks on a terminal, and works in it from then on, so
// that the paths are the same on every machine.
func writeImages(t *testing.T) {
	t.Helper()
	kernel, err := os.ReadFile(mirageKernel)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, data := range map[string]string{
		"web.bz2": string(kernel), "text": "no kernel", "empty": "", "a\x1b[2J": "evil",
	} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInspectSeveralIsGolden(t *testing.T) {
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	writeImages(t)
	for name, args := range map[string][]string{
		"inspect-several.txt":  {"inspect", "web.bz2", "text", "empty", "none", "a\x1b[2J"},
		"inspect-several.json": {"inspect", "--json", "web.bz2", "text", "none"},
	} {
		status, stdout, stderr := runXenpv(t, args...)
		if status != 2 || stderr != "" {
			t.Errorf("%s: status %d, stderr %q", name, status, stderr)
		}
		goldenAt(t, filepath.Join(testdata, name), stdout)
	}
}

// The exit status is the worst of all.
func TestInspectSeveralStatus(t *testing.T) {
	writeImages(t)
	for name, test := range map[string]struct {
		files  []string
		status int
	}{
		"all boot":                        {[]string{"web.bz2", "web.bz2"}, 0},
		"one is refused":                  {[]string{"web.bz2", "text", "web.bz2"}, 3},
		"one is missing":                  {[]string{"web.bz2", "none"}, 2},
		"one is empty, one is refused":    {[]string{"text", "empty", "web.bz2"}, 2},
		"one is a directory, one refused": {[]string{".", "text"}, 2},
		"one is refused, one a device":    {[]string{"text", "/dev/null"}, 2},
		"the same, read as one of many":   {[]string{"text", "text"}, 3},
	} {
		if status, _, stderr := runXenpv(t, append([]string{"inspect"}, test.files...)...); status != test.status || stderr != "" {
			t.Errorf("%s: status %d, want %d; stderr %q", name, status, test.status, stderr)
		}
	}
}

// An element of the array is the object that inspect prints for the file alone, and its path.
func TestInspectSeveralHasTheSameReports(t *testing.T) {
	writeImages(t)
	_, stdout, _ := runXenpv(t, "inspect", "--json", "web.bz2", "text")
	var all []map[string]any
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"web.bz2", "text"} {
		_, stdout, _ := runXenpv(t, "inspect", "--json", name)
		want := map[string]any{}
		if err := json.Unmarshal([]byte(stdout), &want); err != nil {
			t.Fatal(err)
		}
		want["file"] = name
		if diff := cmp.Diff(want, all[i]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestInspectSeveralReportsFailedOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full:", err)
	}
	defer full.Close()
	for _, args := range [][]string{{"inspect", mirageKernel, mirageKernel}, {"template"}, {"template", "ling"}, {"version"}} {
		for _, args := range [][]string{args, append(args, "--json")} {
			var stderr bytes.Buffer
			if status := run(t.Context(), args, full, &stderr); status != 2 || !strings.Contains(stderr.String(), "xenpv: print ") {
				t.Errorf("%v: status %d, stderr %q", args, status, stderr.String())
			}
		}
	}
}

// Of an archive with two kernels one is named, alone and among other files.
func TestInspectMember(t *testing.T) {
	writeImages(t)
	kernel, err := os.ReadFile("web.bz2")
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, name := range []string{"a/web.bz2", "b/web.bz2"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(kernel))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(kernel); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), os.WriteFile("images.tar", archive.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"none is named":        {[]string{"images.tar"}, 3, `"a/web.bz2", "b/web.bz2": specify the member`},
		"one is named":         {[]string{"--member", "b/web.bz2", "images.tar"}, 0, "member       b/web.bz2\n"},
		"another is named":     {[]string{"--member", "c", "images.tar"}, 3, "problem "},
		"one is named in both": {[]string{"--member", "b/web.bz2", "images.tar", "images.tar"}, 0, "images.tar  boots "},
		"one is named in JSON": {[]string{"--member", "a/web.bz2", "--json", "images.tar"}, 0, `"member": "a/web.bz2"`},
	} {
		status, stdout, stderr := runXenpv(t, append([]string{"inspect"}, test.args...)...)
		if status != test.status || stderr != "" || !strings.Contains(stdout, test.want) {
			t.Errorf("%s: status %d, stdout %q, stderr %q", name, status, stdout, stderr)
		}
	}
}
