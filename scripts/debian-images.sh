#!/usr/bin/env bash
# debian-images.sh DIR: extracts Xen images, PV and others, from Debian 12 packages
# into DIR, for the tests of inspection and of complete builds. Downloads about
# 200 MB and installs nothing. Existing files are kept.
set -euo pipefail

dir=$1
unpack=$(dirname "$0")/unpack.sh
mkdir -p "$dir"
work=$(mktemp -d "$dir/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

# take PACKAGE GLOB NAME: extracts the package's file that matches GLOB to DIR/NAME.
take() {
  [ ! -s "$dir/$3" ] || return 0
  "$unpack" "$work/$3" "$1" "./$2"
  find "$work/$3" -type f -exec mv {} "$dir/$3" \;
}

take gnumach-image-1.8-xen-486 'boot/gnumach-*' gnumach-amd64.gz
take gnumach-image-1.8-xen-486:i386 'boot/gnumach-*' gnumach-i386.gz
take gnumach-image-1.8-486 'boot/gnumach-*' gnumach-486.gz
for name in grub-x86_64-xen.bin grub-i386-xen.bin grub-i386-xen_pvh.bin; do
  take grub-xen-host "usr/lib/grub-xen/$name" "$name"
done
for name in xen-shim hvmloader; do
  take xen-utils-4.17 "usr/lib/xen-4.17/boot/$name" "$name"
done
take xen-hypervisor-4.17-amd64 'boot/xen-*.gz' xen-hypervisor.gz
take linux-image-amd64 'boot/vmlinuz-*' vmlinuz-amd64
take linux-image-cloud-amd64 'boot/vmlinuz-*' vmlinuz-cloud-amd64
take linux-image-686-pae:i386 'boot/vmlinuz-*' vmlinuz-686-pae
