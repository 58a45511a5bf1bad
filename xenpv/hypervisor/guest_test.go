package hypervisor

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// linuxInit is a guest that serves a page at the address in its command line, or
// at the address from DHCP.
const linuxInit = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
insmod /xen-netfront.ko
address=$(sed -n 's/.*address=\([^ ]*\).*/\1/p' /proc/cmdline)
ip link set eth0 up
if [ "$address" ]; then ip address add "$address" dev eth0; else udhcpc -i eth0 -s /dhcp -q -n; fi
mkdir /www && echo "served by $(cat /proc/cmdline)" > /www/index.html
echo "serving at $(ip -4 -o address show dev eth0)"
(nc -l -p 99; poweroff -f) &
exec httpd -f -p 80 -h /www
`

const linuxDHCP = `#!/bin/sh
[ "$1" = bound ] && ip address add "$ip/$mask" dev "$interface"
exit 0
`

// linuxGuest makes the files of a Linux guest from packages: BusyBox and the
// kernel that is compressed with LZ4, which is fast to decompress.
func linuxGuest(t *testing.T) map[string]string {
	t.Helper()
	needXen(t)
	dir := t.TempDir()
	out, err := apt(t.Context(), "apt-cache", "depends", "linux-image-cloud-amd64")
	kernel := kernelDependency.FindSubmatch(out)
	if err != nil || kernel == nil {
		oracle.Missing(t, "apt offers no linux-image-cloud-amd64")
	}
	debs, err := downloadPackages(t.Context(), dir, []string{string(kernel[1]), "busybox-static"})
	if err != nil {
		oracle.Missing(t, err.Error())
	}
	for _, deb := range debs {
		if out, err := exec.Command("dpkg-deb", "-x", deb, dir).CombinedOutput(); err != nil {
			t.Fatalf("unpack %s: %v\n%s", deb, err, out)
		}
	}
	return map[string]string{
		"boot/kernel":  find(t, dir, "boot/vmlinuz-*"),
		"boot/ramdisk": linuxRamdisk(t, dir),
	}
}

// linuxRamdisk makes the guest's initramfs from unpacked packages.
func linuxRamdisk(t *testing.T, packages string) string {
	t.Helper()
	var ramdisk bytes.Buffer
	archive := cpio.NewWriter(&ramdisk)
	for _, directory := range []string{"bin", "dev", "proc"} {
		add(t, archive, directory, cpio.TypeDir|0o755, nil)
	}
	add(t, archive, "init", cpio.TypeReg|0o755, []byte(linuxInit))
	add(t, archive, "dhcp", cpio.TypeReg|0o755, []byte(linuxDHCP))
	for name, from := range map[string]string{
		"bin/busybox": "bin/busybox", "xen-netfront.ko": "lib/modules/*/kernel/drivers/net/xen-netfront.ko",
	} {
		data, err := os.ReadFile(find(t, packages, from))
		if err != nil {
			t.Fatal(err)
		}
		add(t, archive, name, cpio.TypeReg|0o755, data)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return ramdisk.String()
}

// find returns the only file in dir that matches the pattern.
func find(t testing.TB, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d files in the packages for %s (%v)", len(found), pattern, err)
	}
	return found[0]
}

func add(t *testing.T, archive *cpio.Writer, name string, mode cpio.FileMode, data []byte) {
	t.Helper()
	if err := archive.WriteHeader(&cpio.Header{Name: name, Mode: mode, Size: int64(len(data))}); err != nil {
		t.Fatal(err)
	}
	if data != nil {
		if _, err := archive.Write(data); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGuestOnNetwork(t *testing.T) {
	files := linuxGuest(t)
	const host = "127.0.0.7:18080"
	for name, test := range map[string]struct {
		arguments string
		network   Network
	}{
		"DHCP":          {"", Network{}},
		"fixed address": {"address=46.43.42.137/25", Network{Address: netip.MustParsePrefix("46.43.42.137/25")}},
	} {
		t.Run(name, func(t *testing.T) {
			files["boot/grub/menu.lst"] = menu("console=hvc0 quiet "+test.arguments) + "  initrd /boot/ramdisk\n"
			console := new(buffer)
			d, err := boot(t, Spec{
				Disk: sizedDisk(t, "64M", files), MemoryMiB: 256, Network: test.network, Console: console,
				Forwards: []Forward{{Proto: "tcp", Host: netip.MustParseAddrPort(host), GuestPort: 80}},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, check := range []string{"http://:80/", "tcp://:80", "icmp://"} {
				if err := await(t, d, check, time.Minute); err != nil {
					t.Fatalf("%s: %v\n%s", check, err, console)
				}
			}
			for check, want := range map[string]string{
				"tcp://:81":       "refused",
				"http://:80/none": "404",
				"http://:8080/":   "not forwarded",
			} {
				if err := await(t, d, check, 2*time.Second); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %s", check, err, want)
				}
			}
			t.Logf("%+v", d.Times())
		})
	}
}
