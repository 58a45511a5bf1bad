// Package oracle finds the oracles that tests check our output with: independent
// programs such as e2fsck, debugfs, GRUB legacy's shell, pygrub, awscli and packer.
//
// A test that needs an oracle calls [Need]. On a user's machine, a missing oracle
// skips the test, with a reason. If UNIKERNEL_ORACLES=required, which "make test"
// sets after installing all of them, it fails the test instead, so that CI skips
// nothing.
package oracle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// directories are searched before PATH: those of system programs, which are not
// in an ordinary user's PATH on Debian, and Xen's.
var directories = []string{"/usr/sbin", "/sbin", "/usr/lib/xen-4.17/bin"}

// Path is the PATH with which all oracles are found. Debian's own directory is
// first, so that a user's programs of the same name aren't used.
func Path() string {
	return strings.Join(append(append([]string{"/usr/bin"}, directories...), os.Getenv("PATH")), ":")
}

// Find reports whether a program is installed. If oracles are required, it returns
// an error when it isn't.
func Find(name string) (bool, error) {
	if _, err := find(name); err == nil {
		return true, nil
	} else if required() {
		return false, fmt.Errorf("%w, and UNIKERNEL_ORACLES=required", err)
	}
	return false, nil
}

// Need returns the path of a program.
func Need(t testing.TB, name string) string {
	t.Helper()
	path, err := find(name)
	if err != nil {
		Missing(t, err.Error())
	}
	return path
}

// NeedOne returns the path of the first of several programs that is installed.
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

// Missing skips the test with the given reason, or fails it if oracles are
// required.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if required() {
		t.Fatalf("%s, and UNIKERNEL_ORACLES=required", reason)
	}
	t.Skipf("%s; \"make test\" installs it", reason)
}

func required() bool { return os.Getenv("UNIKERNEL_ORACLES") == "required" }

func find(name string) (string, error) {
	for _, dir := range filepath.SplitList(Path()) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}

// DebianImages returns the directory of the Xen images from Debian's packages,
// which scripts/debian-images.sh fills: $UNIKERNEL_DEBIAN_IMAGES, or
// build/debian-images. If it doesn't exist, the test is skipped or fails.
func DebianImages(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("UNIKERNEL_DEBIAN_IMAGES")
	if dir == "" {
		dir = filepath.Join(root(), "build", "debian-images")
	}
	if _, err := os.Stat(dir); err != nil { //nolint:gosec // G703: the directory is the tester's choice
		Missing(t, "no directory of Debian's Xen images at "+dir)
	}
	return dir
}

// root is the directory of go.mod. A test runs in the directory of its package,
// below it.
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
