package xenpv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
)

// shimPackage is the Debian package that has Xen's PV shim.
const shimPackage = "xen-utils-4.17"

// loadShim loads the PV shim at path, or else the installed one, or else the one
// in Debian's package, which apt downloads and verifies. Nothing is installed.
func loadShim(ctx context.Context, path string) (*boot.Shim, error) {
	if path != "" {
		return boot.LoadShim(path, "")
	}
	installed, err := boot.FindShim()
	if err == nil {
		return boot.LoadShim(installed, installedVersion(ctx))
	}
	dir, err := os.MkdirTemp("", "xenpv-shim-")
	if err != nil {
		return nil, err
	}
	shim, err := shimFromPackage(ctx, dir)
	if err != nil {
		err = fmt.Errorf("get Xen's PV shim: %w: install %s, or specify the file xen-shim of Xen 4.10 or later", err, shimPackage)
	}
	return shim, errors.Join(err, os.RemoveAll(dir))
}

// installedVersion returns the version of the installed package, "" if dpkg
// doesn't know it.
func installedVersion(ctx context.Context) string {
	out, err := run(ctx, "", "dpkg-query", "--show", "--showformat=${Version}", shimPackage)
	if err != nil {
		return ""
	}
	return out
}

// shimFromPackage downloads the package into dir, and takes the shim from it.
func shimFromPackage(ctx context.Context, dir string) (*boot.Shim, error) {
	args := []string{"download", "-qq"}
	if os.Geteuid() == 0 {
		args = append(args, "-o", "APT::Sandbox::User=root") // apt's own user can't write to dir
	}
	if _, err := run(ctx, dir, "apt-get", append(args, shimPackage)...); err != nil {
		return nil, err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return nil, fmt.Errorf("apt downloaded %d packages", len(debs))
	}
	version, err := run(ctx, "", "dpkg-deb", "--field", debs[0], "Version")
	if err != nil {
		return nil, err
	}
	if _, err := run(ctx, "", "dpkg-deb", "--extract", debs[0], dir); err != nil {
		return nil, err
	}
	return boot.LoadShim(filepath.Join(dir, boot.InstalledShim), version)
}

func run(ctx context.Context, dir, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // G204: the arguments are this package's own
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s %s: %s", program, args[0], strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("run %s: %w", program, err)
	}
	return strings.TrimSpace(string(out)), nil
}
