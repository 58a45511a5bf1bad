#!/usr/bin/env bash
# make-linux-disk.sh OUTDIR: makes OUTDIR/disk.raw, a disk that boots by itself, from
# Debian packages: GRUB for BIOS, Debian's cloud kernel, and the ramdisk of
# examples/hello, which configures the network by DHCP and serves a page. Installs
# nothing and does not need root. A second run reuses the file.
set -euo pipefail

mkdir -p "$1"
out=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
unpack=$here/../../scripts/unpack.sh
if [ -s "$out/disk.raw" ] && [ -z "$(find "$here" -newer "$out/disk.raw" -type f)" ]; then
  echo "$out: disk.raw is up to date"
  exit 0
fi
PATH=$PATH:/usr/sbin:/sbin
command -v mke2fs >/dev/null || { echo "make-linux-disk.sh: install e2fsprogs: mke2fs makes the file system" >&2 && exit 1; }

work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
pkg=$work/packages root=$work/root
"$unpack" "$pkg" linux-image-cloud-amd64 './boot/vmlinuz-*'
"$unpack" "$pkg" grub-pc-bin './usr/lib/grub/i386-pc/*'
"$unpack" "$pkg" grub-common ./usr/bin/grub-mkimage
for library in libdevmapper1.02.1 libudev1 libselinux1; do "$unpack" "$pkg" $library './*lib/*'; done
"$here/../hello/make-hello.sh" "$work/hello"

# The partition: an ext2 file system with the kernel and the ramdisk.
mkdir -p "$root/boot"
cp "$pkg"/boot/vmlinuz-* "$root/boot/vmlinuz"
cp "$work/hello/ramdisk" "$root/boot/"
mke2fs -q -t ext2 -d "$root" -L boot "$work/partition" 31M

# GRUB's core image has its configuration in it. The kernel's drivers for Xen's
# network and disk work in HVM guests, too, and the console is the serial port.
cat >"$work/grub.cfg" <<'EOF'
set root=(hd0,msdos1)
linux /boot/vmlinuz console=ttyS0 quiet
initrd /boot/ramdisk
boot
EOF
grub=$pkg/usr/lib/grub/i386-pc
LD_LIBRARY_PATH=$pkg/lib/x86_64-linux-gnu:$pkg/usr/lib/x86_64-linux-gnu "$pkg/usr/bin/grub-mkimage" \
  -O i386-pc -d "$grub" -p '(hd0,msdos1)/boot/grub' -c "$work/grub.cfg" -o "$work/core.img" \
  biosdisk part_msdos ext2 linux boot

# The disk: GRUB's boot sector with a table of one active partition (Linux, from sector
# 2048, 63488 sectors), the core image from sector 1, and the partition.
{
  head -c 446 "$grub/boot.img"
  printf '\x80\xfe\xff\xff\x83\xfe\xff\xff\x00\x08\x00\x00\x00\xf8\x00\x00'
  head -c 48 /dev/zero
  printf '\x55\xaa'
  cat "$work/core.img"
} >"$work/disk.raw"
truncate -s 1M "$work/disk.raw"
cat "$work/partition" >>"$work/disk.raw"
mv "$work/disk.raw" "$out/"
echo "$out: made disk.raw ($(stat -c %s "$out/disk.raw") bytes)"
