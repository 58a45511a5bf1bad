package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/check"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

func runBoot(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd := bootCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	err = cmd.ExecuteContext(ctx)
	return out.String(), errs.String(), err
}

// codeKernel makes a PV kernel that is the given machine code.
func codeKernel(t *testing.T, code ...byte) string {
	t.Helper()
	oracle.Need(t, "qemu-system-x86_64")
	if os.Getenv("XENPV_DOM0") == "" {
		oracle.Need(t, "apt-get")
	}
	const size, entryField, codeOffset = 8192, 24, 4096
	kernel := make([]byte, size)
	copy(kernel, kerneltest.Start(size))
	entry := kernel[entryField : entryField+8]
	binary.LittleEndian.PutUint64(entry, binary.LittleEndian.Uint64(entry)+codeOffset)
	copy(kernel[codeOffset:], code)
	path := filepath.Join(t.TempDir(), "kernel")
	if err := os.WriteFile(path, kernel, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBootOfCrashingKernel(t *testing.T) {
	kernel := codeKernel(t, 0x0f, 0x0b) // ud2
	t.Setenv("TMPDIR", t.TempDir())
	out, errs, err := runBoot(t.Context(), kernel, "--check", "tcp://:80", "--json")
	if err == nil {
		t.Fatal("the check passed")
	}
	var got booted
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	want := booted{Path: kernel, Loader: "pygrub", Published: []string{}, Check: "tcp://:80", Exit: "crash", Error: err.Error()}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(booted{}, "Times")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(err.Error(), "the domain ended: crash; the guest wrote nothing to its console") {
		t.Error(err)
	}
	if !(0 < got.Times.ToolstackReady && got.Times.ToolstackReady < got.Times.DomainCreated) || got.Times.FirstAnswer != 0 {
		t.Errorf("times: %+v", got.Times)
	}
	if !strings.Contains(errs, "xenpv: started by pygrub\n") {
		t.Errorf("the console: %s", errs)
	}
	noFiles(t)
}

// The result names the BIOS as the loader of an hvm guest, also if it can't boot.
func TestBootNamesLoader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.raw")
	disk := make([]byte, 1<<20)
	copy(disk[1080:], "\x53\xef") // an ext2 file system without a boot sector
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := runBoot(t.Context(), path, "--method", "pv-shim", "--json")
	var got booted
	if err == nil || json.Unmarshal([]byte(out), &got) != nil || got.Loader != "BIOS" {
		t.Errorf("%s %v", out, err)
	}
}

func TestBootInterrupted(t *testing.T) {
	kernel := codeKernel(t, 0xeb, 0xfe) // jumps to itself
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, _, err := runBoot(ctx, kernel); err == nil {
		t.Error("an interrupted boot succeeded")
	}
	noFiles(t)
}

// noFiles fails the test if files are left in the temporary directory, or
// children of this process.
func noFiles(t *testing.T) {
	t.Helper()
	files, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(files) != 0 {
		t.Errorf("temporary files are left: %v %v", files, err)
	}
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		if pids, _ := os.ReadFile(list); len(pids) != 0 {
			t.Errorf("child processes are left: %s", pids)
		}
	}
}

func TestParsePublish(t *testing.T) {
	for text, want := range map[string]hypervisor.Forward{
		"127.0.0.5:8080:80":  {Proto: "tcp", Host: netip.MustParseAddrPort("127.0.0.5:8080"), GuestPort: 80},
		"8080:80":            {Proto: "tcp", Host: netip.MustParseAddrPort("127.0.0.1:8080"), GuestPort: 80},
		"127.0.0.5:53:5/udp": {Proto: "udp", Host: netip.MustParseAddrPort("127.0.0.5:53"), GuestPort: 5},
	} {
		if got, err := parsePublish(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "80", "x:80", "1:2:3:4", "127.0.0.5:8080:x", "127.0.0.5:99999:80", "localhost:80:80"} {
		if got, err := parsePublish(text); err == nil || !strings.Contains(err.Error(), "--publish "+text) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestParseCheck(t *testing.T) {
	for text, want := range map[string]check.Check{
		"http://:8080/a?b": check.HTTP{Port: 8080, Path: "/a?b"},
		"http://:80":       check.HTTP{Port: 80, Path: "/"},
		"http:///x":        check.HTTP{Port: 80, Path: "/x"},
		"tcp://:22":        check.TCP{Port: 22},
		"icmp://":          check.ICMP{},
	} {
		got, err := parseCheck(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	for _, text := range []string{"", "http://host:80/", "https://:443/", "tcp://", "tcp://:0", "tcp://:65536", "tcp://:x", "icmp://:1", "udp://:53"} {
		if c, err := parseCheck(text); err == nil {
			t.Errorf("%q was read as %+v", text, c)
		}
	}
}

func TestBootRefuses(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk.raw")
	data := make([]byte, 4096)
	data[510], data[511] = 0x55, 0xaa
	if err := os.WriteFile(disk, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"whose menu.lst has the command line": {disk, "--cmdline", "x"},
		"--address 10.0.0.2":                  {disk, "--address", "10.0.0.2"},
		"--gateway 10.0.0.1":                  {disk, "--gateway", "10.0.0.1"},
		"specify http://:80/path":             {disk, "--check", "ssh://:22"},
		"not a host address in the guest's":   {disk, "--address", "10.0.0.2/24", "--gateway", "10.1.0.1"},
		"no such file or directory":           {disk + ".none"},
		"memory must be 1 to":                 {disk, "--memory", "99999"},
		"--publish 80":                        {disk, "--publish", "80"},
		"read pv-grub":                        {disk, "--pvgrub", disk + ".none"},
	} {
		if _, _, err := runBoot(t.Context(), args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args[1:], err, want)
		}
	}
}

// A guest gets the memory of its domain configuration, unless an option says
// otherwise.
func TestBootMemory(t *testing.T) {
	kernel := testKernel(t)
	config := filepath.Join(filepath.Dir(kernel), "domain_config")
	if err := os.WriteFile(config, []byte("kernel = \"kernel\"\nmemory = 48\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path         string
		option, want int
	}{{config, 0, 48}, {config, 96, 96}, {kernel, 0, 0}, {kernel, 96, 96}} {
		o := bootOptions{input: test.path}
		o.spec.MemoryMiB = test.option
		disk, err := o.disk(t.Context(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		disk.Close()
		if o.spec.MemoryMiB != test.want {
			t.Errorf("%s, --memory %d: %d MiB, want %d", test.path, test.option, o.spec.MemoryMiB, test.want)
		}
	}
}
