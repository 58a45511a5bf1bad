// Package judge finds the independent programs that decide in tests: e2fsck,
// debugfs, GRUB legacy's shell, pygrub, awscli, packer and others that this
// project did not write.
//
// A test that needs one calls [Need]. On a user's machine a missing judge
// skips the test with a printed reason. Where UNIKERNEL_JUDGES=required (as
// "make test" sets it after installing them all) it fails the test instead, so
// that nothing goes unjudged in CI.
package judge

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// folders are searched after PATH: system programs, which an ordinary user's
// PATH lacks on Debian although they run for everybody, and Xen's.
var folders = []string{"/usr/sbin", "/sbin", "/usr/lib/xen-4.17/bin"}

// Path is the PATH on which all judges are found. Debian's own folder comes
// first: the judges are Debian's, not what a user has of the same name.
func Path() string {
	return strings.Join(append(append([]string{"/usr/bin"}, folders...), os.Getenv("PATH")), ":")
}

// Find tells whether the program called name is installed. It is an error that
// it isn't where judges are required.
func Find(name string) (bool, error) {
	if _, err := find(name); err == nil {
		return true, nil
	} else if required() {
		return false, fmt.Errorf("%w, and UNIKERNEL_JUDGES=required", err)
	}
	return false, nil
}

// Need returns the path of the program called name.
func Need(t testing.TB, name string) string {
	t.Helper()
	path, err := find(name)
	if err != nil {
		Missing(t, err.Error())
	}
	return path
}

// NeedOne returns the path of the first of some programs, of which any will do.
func NeedOne(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := find(name); err == nil {
			return path
		}
	}
	Missing(t, strings.Join(names, " or ")+" is not installed")
	return ""
}

// Missing skips the test for the given reason, or fails it where judges are
// required.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if required() {
		t.Fatalf("%s, and UNIKERNEL_JUDGES=required", reason)
	}
	t.Skipf("%s; \"make test\" installs it", reason)
}

func required() bool { return os.Getenv("UNIKERNEL_JUDGES") == "required" }

func find(name string) (string, error) {
	for _, dir := range filepath.SplitList(Path()) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}

// DebianImages is the folder of the Xen images that Debian packages, which
// scripts/debian-images.sh fills: $UNIKERNEL_DEBIAN_IMAGES, or build/debian-images. The
// test is skipped, or fails, where it isn't there.
func DebianImages(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("UNIKERNEL_DEBIAN_IMAGES")
	if dir == "" {
		dir = filepath.Join(root(), "build", "debian-images")
	}
	if _, err := os.Stat(dir); err != nil { //nolint:gosec // G703: the tester names the folder
		Missing(t, "the folder of Debian's Xen images isn't there: "+dir)
	}
	return dir
}

// root is the folder of go.mod: a test runs in its package's folder below it.
func root() string {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return "."
}
