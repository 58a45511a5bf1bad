#!/usr/bin/env bash
# unpack.sh DIR PACKAGE[:i386] [GLOB...]: downloads a Debian package and unpacks
# it into DIR, or only the files that match a GLOB such as './boot/vmlinuz-*'.
# A kernel's meta-package (linux-image-amd64) stands for the kernel it depends on.
#
# Installs nothing and needs no root: the package lists lie in build/apt, apart
# from the system's, and are read anew when they are missing or out of date.
set -euo pipefail

dir=$1 package=${2%:*} arch=amd64
case $2 in *:*) arch=${2##*:} ;; esac
shift 2

if ! command -v apt-get >/dev/null; then
  echo "unpack.sh: $package is taken from Debian's packages, and this machine has no apt-get" >&2
  exit 1
fi

cache=$(cd "$(dirname "$0")/.." && pwd)/build/apt/$arch
mkdir -p "$cache/lists/partial" "$cache/archives/partial"
# Without the user "root", apt as root would change to a user who may not write here.
cat >"$cache/apt.conf" <<EOF
Dir::State::lists "$cache/lists";
Dir::Cache "$cache";
APT::Sandbox::User "root";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
Acquire::Languages "none";
Acquire::Retries "3";
EOF
export APT_CONFIG=$cache/apt.conf

debs=$(mktemp -d "$cache/download.XXXXXX")
trap 'rm -rf "$debs"' EXIT

download() {
  local name=$package
  case $package in
    linux-image-*) name=$(apt-cache depends "$package" | awk '/Depends: linux-image/ {print $2; exit}') ;;
  esac
  [ -n "$name" ] && (cd "$debs" && apt-get -qq download "$name")
}

if ! download 2>/dev/null; then
  # A mirror in the middle of an update fails for some lists; the download says whether they matter.
  apt-get -qq update || true
  if ! download; then
    echo "unpack.sh: cannot download $package, which Debian 12 has, from this machine's package sources" >&2
    exit 1
  fi
fi

deb=$(echo "$debs"/*.deb)
mkdir -p "$dir"
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir" --wildcards "$@"
echo "unpacked $(dpkg-deb --showformat='${Package} ${Version} ${Architecture}' --show "$deb")"
