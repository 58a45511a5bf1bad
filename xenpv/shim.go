package xenpv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/debian"
)

// shimPackage is the Debian package that has Xen's PV shim.
const shimPackage = "xen-utils-4.17"

// loadShim loads the PV shim at path, or else the installed one, or else the one
// in Debian's xen-utils-4.17 package, which apt downloads and verifies. Nothing is installed.
func loadShim(ctx context.Context, path string) (*boot.Shim, error) {
	if path != "" {
		return boot.LoadShim(path, "")
	}
	if info, err := os.Stat(boot.InstalledShim); err == nil && info.Mode().IsRegular() {
		return boot.LoadShim(boot.InstalledShim, installedVersion(ctx))
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
	out, _ := debian.Run(ctx, "", "dpkg-query", "--show", "--showformat=${Version}", shimPackage) // nothing on an error
	return string(out)
}

// shimFromPackage downloads the package into dir, and takes the shim from it.
func shimFromPackage(ctx context.Context, dir string) (*boot.Shim, error) {
	debs, err := debian.Download(ctx, dir, shimPackage)
	if err != nil {
		return nil, err
	}
	version, err := debian.Run(ctx, "", "dpkg-deb", "--field", debs[0], "Version")
	if err != nil {
		return nil, err
	}
	if _, err := debian.Run(ctx, "", "dpkg-deb", "--extract", debs[0], dir); err != nil {
		return nil, err
	}
	return boot.LoadShim(filepath.Join(dir, boot.InstalledShim), strings.TrimSpace(string(version)))
}
