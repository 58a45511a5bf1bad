#!/usr/bin/env bash
# make-hello.sh OUTDIR: makes a sample Xen PV image from Debian packages:
# OUTDIR/kernel.gz and OUTDIR/ramdisk. Installs nothing and does not need root. The
# same packages produce the same bytes. A second run reuses the files.
set -euo pipefail

mkdir -p "$1"
out=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
unpack=$here/../../scripts/unpack.sh

# newer FILE: reports whether FILE exists and is newer than its scripts.
newer() {
  [ -s "$1" ] && [ -z "$(find "$here" -newer "$1" -type f)" ]
}
if newer "$out/kernel.gz" && newer "$out/ramdisk"; then
  echo "$out: kernel.gz and ramdisk are up to date"
  exit 0
fi

work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
pkg=$work/packages

# The cloud kernel is a third of the size of the standard one, and supports Xen PV.
"$unpack" "$pkg" linux-image-cloud-amd64 './boot/vmlinuz-*' '*/xen-netfront.ko'
for name in busybox-static cpio lz4; do "$unpack" "$pkg" "$name" './*bin/*'; done

# number OFFSET SIZE: prints a little-endian field of the bzImage's header.
number() {
  od -An -t "u$2" -j "$1" -N "$2" "$bzimage" | tr -d ' '
}

# elf prints the actual kernel, which is compressed in the bzImage, followed by its
# size in four bytes. See Linux: Documentation/arch/x86/boot.rst, "setup_sects",
# "payload_offset" and "payload_length".
elf() {
  bzimage=$(echo "$pkg"/boot/vmlinuz-*)
  local start=$((($(number 0x1f1 1) + 1) * 512 + $(number 0x248 4)))
  local length=$(($(number 0x24c 4) - 4))
  head -c $((start + length)) "$bzimage" | tail -c "$length" | "$pkg/usr/bin/lz4" -dc
}

# PV-GRUB supports only gzip. On an emulated processor, a guest also starts seconds
# faster than from a bzImage.
elf | gzip -9n >"$work/kernel.gz"

root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev,www}
cp "$pkg/bin/busybox" "$root/bin/"
cp "$here/init" "$here/dhcp" "$root/"
find "$pkg/lib/modules" -name xen-netfront.ko -exec cp {} "$root/" \;
chmod -R u=rwX,go=rX "$root"
chmod 755 "$root/init" "$root/dhcp" "$root/bin/busybox"
find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . | LC_ALL=C sort | "$pkg/bin/cpio" -o -H newc --reproducible -R 0:0 --quiet) |
  gzip -9n >"$work/ramdisk"

mv "$work/kernel.gz" "$work/ramdisk" "$out/"
echo "$out: made kernel.gz ($(stat -c %s "$out/kernel.gz") bytes) and ramdisk ($(stat -c %s "$out/ramdisk") bytes)"
