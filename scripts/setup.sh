#!/usr/bin/env bash
# setup.sh demo|test: gets what "make demo" or "make test" needs and this machine
# lacks, from Debian's packages, and says what and why. Ends with 3 where it
# cannot install (another system, or neither root nor sudo), after what it can do.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()

# need PACKAGE FILE WHY: notes the package if FILE, a program or a path, is not there.
need() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null || [ -e "$2" ] || {
    missing+=("$1")
    echo "setup: $1 is missing: $3"
  }
}

need_for_demo() {
  need awscli aws "AWS's own client shows the AMI"
  need qemu-system-x86 qemu-system-x86_64 "Xen runs in it, and boots the AMI's instance"
}

need_for_test() {
  need awscli /usr/bin/aws "AWS's own client judges the embedded EC2's answers"
  need python3-boto3 /usr/lib/python3/dist-packages/boto3 "AWS's Python SDK judges them too"
  need e2fsprogs debugfs "e2fsck and debugfs judge the file system"
  need xen-utils-4.17 /usr/lib/xen-4.17/bin/pygrub "Xen's pygrub judges menu.lst"
  need libc6-i386 /lib/ld-linux.so.2 "GRUB legacy's shell, a 32-bit program, judges the disk"
  need binutils readelf "readelf judges the inspection of kernels, and as and ld make guests to boot"
  need qemu-system-x86 qemu-system-x86_64 "Xen runs in it, and boots the wrapped disks"
  need nasm nasm "nasm assembles the boot loader again, and kernels to boot by it"
  need chromium-headless-shell chromium-headless-shell "Chromium judges the smoke test's report"
  need gcc gcc "Go's race detector is linked by it"
  need libc6-dev /usr/include/stdlib.h "Go's race detector is linked with it"
}

# as_root runs a command as root, by sudo where we are not. Without a terminal
# sudo must not wait for a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

# apt_get asks no questions, and waits for another apt-get to end.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

install_missing() {
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
    echo "setup: cannot install packages here, which takes apt-get, and root or sudo; missing: ${missing[*]}" >&2
    return 3
  fi
  echo "setup: installing ${missing[*]}"
  # A mirror in the middle of an update fails for some lists; the installation says whether they matter.
  apt_get update || true
  apt_get install --no-install-recommends -y "${missing[@]}" >build/setup.log 2>&1 || {
    cat build/setup.log >&2
    return 1
  }
}

# allow_low_ports lets ordinary users listen below port 1024 until the next boot:
# the instances of localec2 serve on their own ports, on the loopback interface.
allow_low_ports() {
  local start=/proc/sys/net/ipv4/ip_unprivileged_port_start
  [ "$(id -u)" != 0 ] && [ -e $start ] && [ "$(cat $start)" -gt 22 ] || return 0
  echo "setup: allowing ordinary users ports from 22 on, until the next boot (sysctl net.ipv4.ip_unprivileged_port_start)"
  as_root sh -c "echo 22 >$start" || echo "setup: that failed: instances do not answer on ports below 1024" >&2
}

# unpack_for_test gets what a machine must not be given: GRUB legacy would
# replace its boot loader, and the rest are kernels to inspect.
unpack_for_test() {
  [ -x build/judges/usr/sbin/grub ] || scripts/unpack.sh build/judges grub-legacy ./usr/sbin/grub
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
  echo "setup: cannot make the sample image, which takes Debian's packages and apt-get" >&2
  exit 3
fi
examples/hello/make-hello.sh build/hello
[ "$purpose" = demo ] || unpack_for_test
exit $status
