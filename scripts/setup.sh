#!/usr/bin/env bash
# setup.sh demo|test: installs the Debian packages that "make demo" or "make test"
# needs, and prints what it installs and why. Exits with 3 if it can't install
# packages (not Debian, or neither root nor sudo), after doing everything else.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()

# need PACKAGE FILE WHY: records the package if FILE, a program or a path, is missing.
need() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null || [ -e "$2" ] || {
    missing+=("$1")
    echo "setup: $1 is missing: $3"
  }
}

need_for_demo() {
  need awscli aws "the AWS client shows the AMI"
  need qemu-system-x86 qemu-system-x86_64 "runs Xen, which boots the AMI's instance"
  need curl curl "fetches the page that the instance serves"
}

need_for_test() {
  need awscli /usr/bin/aws "the AWS client tests the local EC2"
  need python3-boto3 /usr/lib/python3/dist-packages/boto3 "the AWS SDK for Python tests the local EC2"
  need e2fsprogs debugfs "e2fsck and debugfs check the file system"
  need xen-utils-4.17 /usr/lib/xen-4.17/bin/pygrub "pygrub checks menu.lst"
  need libc6-i386 /lib/ld-linux.so.2 "GRUB legacy's shell, a 32-bit program, checks the disk"
  need binutils readelf "readelf checks the inspection of kernels; as and ld build guests to boot"
  need qemu-system-x86 qemu-system-x86_64 "runs Xen, which boots the wrapped disks"
  need nasm nasm "assembles the boot loader and test kernels"
  need chromium-headless-shell chromium-headless-shell "Chromium checks the smoke test's report"
  need gcc gcc "links the race detector"
  need libc6-dev /usr/include/stdlib.h "links the race detector"
}

# as_root runs a command as root, with sudo if necessary. Without a terminal, sudo
# must not wait for a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

# apt_get is non-interactive and waits for other instances of apt-get.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

install_missing() {
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
    echo "setup: cannot install ${missing[*]}: needs apt-get, and root or sudo" >&2
    return 3
  fi
  echo "setup: installing ${missing[*]}"
  # While a mirror is updating, some lists fail. If they matter, the installation fails.
  apt_get update || true
  apt_get install --no-install-recommends -y "${missing[@]}" >build/setup.log 2>&1 || {
    cat build/setup.log >&2
    return 1
  }
}

# allow_low_ports lets ordinary users listen on ports below 1024 until the next boot:
# localec2 exposes the instances' ports on the loopback interface.
allow_low_ports() {
  local start=/proc/sys/net/ipv4/ip_unprivileged_port_start
  [ "$(id -u)" != 0 ] && [ -e $start ] && [ "$(cat $start)" -gt 22 ] || return 0
  echo "setup: allowing ordinary users to listen on ports from 22 until the next boot (sysctl net.ipv4.ip_unprivileged_port_start)"
  as_root sh -c "echo 22 >$start" || echo "setup: that failed; instances can't be reached on ports below 1024" >&2
}

# unpack_for_test downloads packages that must not be installed: GRUB legacy would
# replace the boot loader, and the others contain kernels to inspect.
unpack_for_test() {
  [ -x build/oracles/usr/sbin/grub ] || scripts/unpack.sh build/oracles grub-legacy ./usr/sbin/grub
  scripts/debian-images.sh build/debian-images
}

purpose=${1:-}
case $purpose in
  demo | test) ;;
  *) sed -n '2,4p' "$0" >&2 && exit 2 ;;
esac

mkdir -p build
status=0
"need_for_$purpose"
install_missing || status=$?
allow_low_ports
[ $status = 0 ] || [ $status = 3 ] || exit $status
if ! command -v apt-get >/dev/null; then
  echo "setup: cannot make the sample image: needs apt-get and Debian packages" >&2
  exit 3
fi
examples/hello/make-hello.sh build/hello
[ "$purpose" = demo ] || { unpack_for_test && examples/linux-disk/make-linux-disk.sh build/linux-disk; }
exit $status
