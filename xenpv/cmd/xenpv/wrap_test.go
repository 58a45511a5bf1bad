package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// runWrap runs "xenpv wrap" with the given arguments.
func runWrap(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd := wrapCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	err = cmd.ExecuteContext(ctx)
	return out.String(), errs.String(), err
}

// testKernel makes a PV kernel of 100,000 bytes.
func testKernel(t *testing.T) string {
	t.Helper()
	const size = 100_000
	path := filepath.Join(t.TempDir(), "kernel")
	kernel := append(kerneltest.Start(size), make([]byte, size)...)
	if err := os.WriteFile(path, kernel[:size], 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWrap(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk.raw")
	out, errs, err := runWrap(t.Context(), testKernel(t), "-o", disk, "--cmdline", "a b", "--compress", "none")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("path:    %s\nsha256:  %s\nsize:    2097152\nblocks:  1\n", disk, fileSum(t, disk))
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if errs != "" {
		t.Errorf("stderr: %s", errs)
	}
	if data, err := os.ReadFile(disk); err != nil || !bytes.Contains(data, []byte("\nkernel /boot/kernel a b\n")) {
		t.Errorf("the command line is not on the disk (%v)", err)
	}
}

// fileSum returns the SHA-256 of a file in hexadecimal.
func fileSum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

func TestWrapJSON(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk.raw")
	out, _, err := runWrap(t.Context(), testKernel(t), "-o", disk, "--size", "1", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"path": disk, "sha256": fileSum(t, disk), "size": 1073741824.0, "blocks": 1.0,
		"kernel": "/boot/kernel", "system": "unknown", "arch": "x86_64",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWrapFails(t *testing.T) {
	kernel, dir := testKernel(t), t.TempDir()
	text, disk := filepath.Join(dir, "text"), filepath.Join(dir, "disk.raw")
	if err := os.WriteFile(text, []byte("no kernel at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args    []string
		refused bool
		want    string // in the error, or on stderr if the image is refused
	}{
		"no image":          {[]string{"-o", disk}, false, "accepts 1 arg"},
		"no disk":           {[]string{kernel}, false, `"output" not set`},
		"two images":        {[]string{kernel, kernel, "-o", disk}, false, "accepts 1 arg"},
		"empty disk":        {[]string{kernel, "-o", ""}, false, "--output is empty; specify the file"},
		"no directory":      {[]string{kernel, "-o", dir + "/none/disk"}, false, "directory " + dir + "/none does not exist: create it"},
		"image missing":     {[]string{dir + "/none", "-o", disk}, false, "no such file or directory: correct the path, or create the file first"},
		"image a directory": {[]string{dir, "-o", disk}, false, "is a directory"},
		"not a kernel":      {[]string{text, "-o", disk}, true, "PV-GRUB can't start " + text},
		"negative size":     {[]string{kernel, "-o", disk, "--size", "-1"}, false, "--size -1: specify a number of GiB"},
		"size too large":    {[]string{kernel, "-o", disk, "--size", "65537"}, false, "--size 65537: specify a number of GiB from 1 to 65536"},
		"size overflows":    {[]string{kernel, "-o", disk, "--size", "8589934593"}, false, "--size 8589934593"},
		"size no number":    {[]string{kernel, "-o", disk, "--size", "1G"}, false, "invalid argument"},
		"command line":      {[]string{kernel, "-o", disk, "--cmdline", "a "}, false, "ends with a space"},
		"compress":          {[]string{kernel, "-o", disk, "--compress", "xz"}, false, `compress "xz" is unknown`},
		"ramdisk missing":   {[]string{kernel, "-o", disk, "--ramdisk", dir + "/none"}, false, "open ramdisk: stat " + dir + "/none: no such file or directory: correct the path"},
		"no such member":    {[]string{kernel, "-o", disk, "--member", "boot/kernel"}, true, "boot/kernel"},
		"layout":            {[]string{kernel, "-o", disk, "--layout", "gpt"}, false, `layout "gpt" is unknown: specify "whole-disk" or "partitioned"`},
		"module missing":    {[]string{kernel, "-o", disk, "--module", dir + "/none x y"}, false, "open module 1"},
		"module spaces":     {[]string{kernel, "-o", disk, "--module", kernel + "  x"}, false, `module 1: arguments " x" starts with a space`},
		"both":              {[]string{kernel, "-o", disk, "--module", kernel, "--ramdisk", kernel}, false, "PV-GRUB would drop the ramdisk"},
		"file, no local":    {[]string{kernel, "-o", disk, "--file", "/json.cfg"}, false, `--file "/json.cfg": specify a path on the disk and a local file, such as /json.cfg=json.cfg`},
		"file, no path":     {[]string{kernel, "-o", disk, "--file", "=a"}, false, "specify a path on the disk"},
		"file missing":      {[]string{kernel, "-o", disk, "--file", "/a=" + dir + "/none"}, false, "no such file or directory: correct the path"},
		"a device":          {[]string{kernel, "-o", "/dev/full"}, false, "/dev/full is a device: specify a regular file"},
		"file twice":        {[]string{kernel, "-o", disk, "--file", "/a=" + kernel, "--file", "/a=b"}, false, "/a already has a file"},
		"file a kernel":     {[]string{kernel, "-o", disk, "--file", "/boot/kernel=" + kernel}, false, "it would shadow"},
		"disk a directory":  {[]string{kernel, "-o", dir}, false, "is a directory"},
		"disk the image":    {[]string{kernel, "-o", kernel}, false, "is a source of the disk"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, err := runWrap(t.Context(), test.args...)
			if err == nil || errors.Is(err, errRefused) != test.refused {
				t.Fatalf("error = %v", err)
			}
			if out != "" || !strings.Contains(err.Error()+errs, test.want) {
				t.Errorf("stdout: %s\nerror: %v\nstderr: %s\nwant: %s", out, err, errs, test.want)
			}
		})
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}

// The settings of a domain configuration apply, unless an option sets
// otherwise; the disk is that of the same options.
func TestWrapDomainConfig(t *testing.T) {
	kernel, dir := testKernel(t), t.TempDir()
	config := filepath.Join(filepath.Dir(kernel), "domain_config")
	err := errors.Join(
		os.WriteFile(config, []byte("name = \"web\"\nkernel = \"kernel\"\nextra = \"-dhcp -home /web\"\nramdisk = \"ramdisk\"\nmemory = 64\nvif = []\n"), 0o600),
		os.WriteFile(filepath.Join(filepath.Dir(kernel), "ramdisk"), []byte("first"), 0o600),
		os.WriteFile(filepath.Join(dir, "other"), []byte("other"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	ramdisk, other := filepath.Join(filepath.Dir(kernel), "ramdisk"), filepath.Join(dir, "other")
	for name, test := range map[string]struct{ config, same []string }{
		"as it is": {nil, []string{"--cmdline", "-dhcp -home /web", "--ramdisk", ramdisk}},
		"options":  {[]string{"--cmdline", "x", "--ramdisk", other}, []string{"--cmdline", "x", "--ramdisk", other}},
		"emptied":  {[]string{"--cmdline", ""}, []string{"--ramdisk", ramdisk}},
	} {
		first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
		_, _, err := runWrap(t.Context(), append([]string{config, "-o", first}, test.config...)...)
		_, _, err2 := runWrap(t.Context(), append([]string{kernel, "-o", second}, test.same...)...)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(name, err)
		}
		if fileSum(t, first) != fileSum(t, second) {
			t.Errorf("%s: the disks differ", name)
		}
	}
}

func TestWrapCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, _, err := runWrap(ctx, testKernel(t), "-o", filepath.Join(dir, "disk.raw")); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}
