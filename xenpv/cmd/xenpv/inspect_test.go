package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv"
)

// mirageKernel is a small MirageOS-like kernel, compressed with bzip2.
const mirageKernel = "../../image/testdata/kernel.bz2"

// runXenpv runs the command as main does.
func runXenpv(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

// writeImage makes a file in a directory of its own.
func writeImage(t *testing.T, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// golden compares text with a file in testdata. UPDATE_GOLDEN=1 writes that
// file anew.
func golden(t *testing.T, name, text string) {
	t.Helper()
	goldenAt(t, filepath.Join("testdata", name), text)
}

func goldenAt(t *testing.T, path, text string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestInspectIsGolden(t *testing.T) {
	text := writeImage(t, "no kernel")
	for name, test := range map[string]struct {
		args   []string
		status int
	}{
		"inspect-mirage.txt":  {[]string{"inspect", mirageKernel}, 0},
		"inspect-mirage.json": {[]string{"inspect", "--json", mirageKernel}, 0},
		"inspect-text.txt":    {[]string{"inspect", text}, 3},
		"inspect-text.json":   {[]string{"inspect", "--json", text}, 3},
		"inspect-help.txt":    {[]string{"inspect", "--help"}, 0},
	} {
		status, stdout, stderr := runXenpv(t, test.args...)
		if status != test.status || stderr != "" {
			t.Errorf("%s: status %d, stderr %q", name, status, stderr)
		}
		golden(t, name, stdout)
	}
}

// The JSON object has the contract's fields, and lists instead of null.
func TestInspectJSON(t *testing.T) {
	_, stdout, _ := runXenpv(t, "inspect", "--json", mirageKernel)
	var got map[string]any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if problems, ok := got["problems"].([]any); !ok || len(problems) != 0 {
		t.Errorf("problems are %v", got["problems"])
	}
	for field := range strings.FieldsSeq("format arch boot guest_os loader xen_version source system compression payload kernel_size pvgrub problems warnings") {
		if _, ok := got[field]; !ok {
			t.Errorf("%s is missing", field)
		}
	}
}

// What can't be read, and a wrong use, end with status 2 and one line on
// stderr.
func TestInspectFails(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"missing file":    {[]string{"inspect", "/none"}, "no such file"},
		"directory":       {[]string{"inspect", "/"}, "directory"},
		"device":          {[]string{"inspect", "/dev/zero"}, "device"},
		"empty file":      {[]string{"inspect", writeImage(t, "")}, "empty"},
		"no file":         {[]string{"inspect"}, "requires at least 1 arg"},
		"unknown flag":    {[]string{"inspect", "--yaml", "a"}, "unknown flag"},
		"unknown command": {[]string{"inspekt"}, "unknown command"},
	} {
		status, stdout, stderr := runXenpv(t, test.args...)
		if status != 2 || stdout != "" || !strings.Contains(stderr, test.want) || !strings.HasPrefix(stderr, "xenpv: ") {
			t.Errorf("%s: status %d, stdout %q, stderr %q", name, status, stdout, stderr)
		}
	}
}

// A full disk at stdout is not a success.
func TestInspectReportsFailedOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full:", err)
	}
	defer full.Close()
	for _, args := range [][]string{{"inspect", mirageKernel}, {"inspect", "--json", mirageKernel}} {
		var stderr bytes.Buffer
		if status := run(t.Context(), args, full, &stderr); status != 2 || !strings.Contains(stderr.String(), "print report: ") {
			t.Errorf("%v: status %d, stderr %q", args, status, stderr.String())
		}
	}
}

// An image can't send control sequences to the terminal.
func TestTableQuotesControlCharacters(t *testing.T) {
	var out bytes.Buffer
	if err := writeTable(&out, &xenpv.Report{GuestOS: "evil\x1b[2J\nfield  value"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"evil\x1b[2J\nfield  value"`) || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%q", out.String())
	}
}
