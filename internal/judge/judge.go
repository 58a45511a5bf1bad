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
	"os"
	"os/exec"
	"testing"
)

// sbin holds the folders of system programs, which an ordinary user's PATH
// lacks on Debian although the programs run for everybody.
var sbin = []string{"/usr/sbin/", "/sbin/", "/usr/lib/xen-4.17/bin/"}

// Need returns the path of the program called name.
func Need(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range sbin {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	Missing(t, name+" is not installed")
	return ""
}

// Missing skips the test for the given reason, or fails it where judges are
// required.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("UNIKERNEL_JUDGES") == "required" {
		t.Fatalf("%s, and UNIKERNEL_JUDGES=required", reason)
	}
	t.Skipf("%s; \"make test\" installs it", reason)
}
