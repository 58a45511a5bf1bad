#!/usr/bin/env bash
# unpack.sh DIR PACKAGE[:i386] [GLOB...]: downloads a Debian package and extracts it
# into DIR, or only the files that match a GLOB such as './boot/vmlinuz-*'. A
# kernel's meta-package (linux-image-amd64) is replaced by the kernel it depends on.
#
# Installs nothing and does not need root: it keeps its own package lists in
# build/apt, and updates them when they are missing or out of date.
set -euo pipefail

dir=$1 package=${2%:*} arch=amd64
case $2 in *:*) arch=${2##*:} ;; esac
shift 2

if ! command -v apt-get >/dev/null; then
  echo "unpack.sh: cannot download $package: needs apt-get and Debian packages" >&2
  exit 1
fi

cache=$(cd "$(dirname "$0")/.." && pwd)/build/apt/$arch
mkdir -p "$cache/lists/partial" "$cache/archives/partial"
# As root, apt would otherwise switch to a user without write access here.
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
  # While a mirror is updating, some lists fail. If they matter, the download fails.
  apt-get -qq update || true
  if ! download; then
    echo "unpack.sh: cannot download $package: this machine's package sources must include Debian 12" >&2
    exit 1
  fi
fi

deb=$(echo "$debs"/*.deb)
mkdir -p "$dir"
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir" --wildcards "$@"
echo "extracted $(dpkg-deb --showformat='${Package} ${Version} ${Architecture}' --show "$deb")"
