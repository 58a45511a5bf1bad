#!/usr/bin/env bash
# test.sh PACKAGE...: sets up, and runs the packages' tests. Where setup can get
# everything, a missing judge fails a test; elsewhere it skips it, but never in CI.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
scripts/setup.sh test || status=$?
if [ $status = 0 ] || [ -n "${CI:-}" ]; then
  export UNIKERNEL_JUDGES=required
elif [ $status != 3 ]; then
  exit $status
fi

# Go's cache of test results cannot know whether a judge or the plugin in bin has changed: count 1.
# The whole takes a few minutes on two cores; what hangs is ended with its stacks shown.
go test -count 1 -timeout 10m "$@"

# What runs concurrently runs once more under the race detector, which needs a C linker; -short boots no guests.
concurrent=$(go list "$@" | grep -E '/(internal/check|internal/ec2ami|builder|postprocessors|acceptance/localec2)(/|$)' || true)
if [ -z "$concurrent" ]; then
  exit 0
elif command -v gcc >/dev/null; then
  # shellcheck disable=SC2086 # a list
  CGO_ENABLED=1 go test -race -short -count 1 -timeout 10m $concurrent
else
  echo "test: no gcc, so no run under the race detector"
fi
