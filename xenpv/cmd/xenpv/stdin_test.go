package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// piped runs the command with an image on standard input.
func piped(t *testing.T, image []byte, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(bytes.NewReader(image))
	root.SetOut(&out)
	root.SetErr(&errs)
	status = execute(t.Context(), root, &errs)
	return status, out.String(), errs.String()
}

func TestStandardInput(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	kernel, err := os.ReadFile(mirageKernel)
	if err != nil {
		t.Fatal(err)
	}
	status, want, _ := runXenpv(t, "inspect", "--json", mirageKernel)
	if got, out, errs := piped(t, kernel, "inspect", "--json", "-"); got != status || out != want {
		t.Errorf("inspect: status %d: %s %s", got, out, errs)
	}
	if got, out, errs := piped(t, kernel, "inspect", "--json", mirageKernel, "-"); got != 0 || !strings.Contains(out, `"file": "-"`) {
		t.Errorf("inspect of two: status %d: %s %s", got, out, errs)
	}
	if got, _, errs := piped(t, []byte("text"), "inspect", "-"); got != exitRefused {
		t.Errorf("inspect of text: status %d: %s", got, errs)
	}
	path := filepath.Join(t.TempDir(), "disk.raw")
	if got, _, errs := piped(t, kernel, "wrap", "-", "-o", path); got != 0 {
		t.Errorf("wrap: status %d: %s", got, errs)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, disk, errs := piped(t, kernel, "wrap", "-", "-o", "-", "--json")
	if got != 0 || disk != string(file) {
		t.Errorf("wrap to standard output: status %d, %d bytes; want the %d bytes of the file", got, len(disk), len(file))
	}
	var result wrapped
	_, object, _ := strings.Cut(errs, "\n") // after a warning
	if err := json.Unmarshal([]byte(object), &result); err != nil || result.Path != "-" || result.Size != int64(len(file)) {
		t.Errorf("the result is %q: %v", errs, err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary directory: %v %v", left, err)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	path := filepath.Join(t.TempDir(), "disk.raw")
	if status := run(ctx, []string{"wrap", mirageKernel, "-o", path}, &out, &errs); status != exitInterrupted || errs.String() != "xenpv: interrupted\n" {
		t.Errorf("status %d: %s", status, &errs)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("an interrupted wrap leaves a disk")
	}
}

func TestAddress(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.5:8080")
	for want, f := range map[string]hypervisor.Forward{
		"http://127.0.0.5:8080/ (port 80 of the guest)":   {Proto: "tcp", Host: at, GuestPort: 80},
		"https://127.0.0.5:8080/ (port 443 of the guest)": {Proto: "tcp", Host: at, GuestPort: 443},
		"tcp://127.0.0.5:8080 (port 22 of the guest)":     {Proto: "tcp", Host: at, GuestPort: 22},
		"udp://127.0.0.5:8080 (port 53 of the guest)":     {Proto: "udp", Host: at, GuestPort: 53},
	} {
		if got := address(f); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestVersionFlag(t *testing.T) {
	if status, out, _ := runXenpv(t, "--version"); status != 0 || !strings.HasPrefix(out, "xenpv ") {
		t.Errorf("status %d: %q", status, out)
	}
}
