package hypervisor

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/debian"
)

// packages are the Debian 12 packages that contain dom0's files. The dependency
// of linux-image-amd64 names the package of the current kernel.
var packages = []string{
	"busybox-static",
	"libbz2-1.0", "libc6", "libcom-err2", "libexpat1", "libext2fs2", "libffi8",
	"libgcc-s1", "liblzma5", "liblzo2-2", "libncursesw6", "libpython3.11-minimal",
	"libpython3.11-stdlib", "libtinfo6", "libuuid1", "libxencall1",
	"libxendevicemodel1", "libxenevtchn1", "libxenforeignmemory1", "libxengnttab1",
	"libxenhypfs1", "libxenmisc4.17", "libxenstore4", "libxentoolcore1",
	"libxentoollog1", "libyajl2", "libzstd1", "python3.11-minimal",
	"xen-hypervisor-4.17-amd64", "xen-utils-4.17", "zlib1g",
}

// devicePackages are the packages that contain the device model of HVM domains:
// QEMU built for Xen with its libraries, SeaBIOS, and Xen's hvmloader.
var devicePackages = []string{
	"qemu-system-xen", "seabios", "xen-utils-4.17",
	"libdw1", "libelf1", "libfdt1", "libglib2.0-0", "libgstreamer-plugins-base1.0-0",
	"libgstreamer1.0-0", "libjpeg62-turbo", "liblz4-1", "libopus0", "liborc-0.4-0",
	"libpcre2-8-0", "libpixman-1-0", "libsasl2-2", "libspice-server1", "libssl3",
	"libstdc++6", "libudev1", "libunwind8", "libusb-1.0-0",
}

const kernelPackage = "linux-image-amd64"

// aptSource explains which packages apt must offer.
const aptSource = "apt must offer Debian 12's packages (run \"apt-get update\"); " +
	"on another system, copy a bundle from such a machine and set XENPV_DOM0 to its directory"

var kernelDependency = regexp.MustCompile(`(?m)^\s*Depends: (linux-image-\S+)$`)

// withKernel adds the package of the current kernel to dom0's packages.
func withKernel(ctx context.Context) ([]string, error) {
	out, err := apt(ctx, "apt-cache", "depends", kernelPackage)
	if err != nil {
		return nil, err
	}
	kernel := kernelDependency.FindSubmatch(out)
	if kernel == nil {
		return nil, fmt.Errorf("find the kernel of %s: apt names none; %s", kernelPackage, aptSource)
	}
	return append([]string{string(kernel[1])}, packages...), nil
}

// findPackages returns the file names of packages, which include the versions,
// and their hashes, as apt lists them.
func findPackages(ctx context.Context, names []string) (files []string, err error) {
	out, err := apt(ctx, "apt-get", append([]string{"download", "--print-uris"}, names...)...)
	if err != nil {
		return nil, err
	}
	// Each line is 'URL' FILE SIZE HASH.
	for scan := bufio.NewScanner(bytes.NewReader(out)); scan.Scan(); {
		if fields := strings.Fields(scan.Text()); len(fields) == 4 {
			files = append(files, fields[1]+" "+fields[3])
		}
	}
	if len(files) != len(names) {
		return nil, fmt.Errorf("find packages: apt names %d files for %d packages; %s", len(files), len(names), aptSource)
	}
	return files, nil
}

// downloadPackages has apt download the packages' files to dir and returns their
// paths.
func downloadPackages(ctx context.Context, dir string, names []string) ([]string, error) {
	files, err := debian.Download(ctx, dir, names...)
	return files, withSource(err)
}

func apt(ctx context.Context, program string, args ...string) ([]byte, error) {
	out, err := debian.Run(ctx, "", program, args...)
	return out, withSource(err)
}

// withSource adds to an error which packages apt must offer.
func withSource(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; %s", err, aptSource)
}
