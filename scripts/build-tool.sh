#!/usr/bin/env bash
# build-tool.sh NAME PACKAGE: builds a pinned tool of tools/go.mod as bin/NAME and
# shows how far it is: in one line on a terminal, otherwise in a line every ten
# seconds. The first build downloads and compiles hundreds of packages.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1 package=$2
mkdir -p build bin
log=build/$name.log
GOFLAGS=-buildvcs=false go -C tools build -v -o "../bin/$name" "$package" >"$log" 2>&1 &
build=$!
trap 'kill $build 2>/dev/null || true' EXIT

count() { # [-v] PATTERN: counts lines of the log
  grep -c "$@" "$log" || true
}

for ((seconds = 0; ; seconds++)); do
  kill -0 $build 2>/dev/null || break
  progress="building $name: $seconds s, $(count '^go: downloading') modules downloaded, $(count -v '^go: ') packages compiled"
  if [ -t 1 ]; then
    printf '\r\e[K%s' "$progress"
  elif ((seconds % 10 == 0)); then
    echo "$progress"
  fi
  sleep 1
done
[ ! -t 1 ] || printf '\r\e[K'
if ! wait $build; then
  cat "$log" >&2
  exit 1
fi
echo "built bin/$name in $seconds s"
