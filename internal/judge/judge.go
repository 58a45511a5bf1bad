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
