#!/usr/bin/env bash
# test.sh PACKAGE...: sets up and runs the packages' tests. If the setup succeeds, or
# in CI, a missing oracle (a program that tests compare with) fails a test;
# otherwise the test is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
scripts/setup.sh test || status=$?
if [ $status = 0 ] || [ -n "${CI:-}" ]; then
  export UNIKERNEL_ORACLES=required
elif [ $status != 3 ]; then
  exit $status
fi

# Count 1 disables the cache of test results, which ignores changes of oracles and of bin.
# All tests take some ten minutes on two cores; the timeout ends a test that hangs, with its stacks.
go test -count 1 -timeout 25m "$@"

# Concurrent packages run again with the race detector, which needs a C linker; -short boots no guests.
concurrent=$(go list "$@" | grep -E '/(internal/(check|cloud|ami|snapshot|instance)|builder|postprocessors|acceptance/localec2)(/|$)' || true)
if [ -z "$concurrent" ]; then
  exit 0
elif command -v gcc >/dev/null; then
  # shellcheck disable=SC2086 # a list
  CGO_ENABLED=1 go test -race -short -count 1 -timeout 10m $concurrent
else
  echo "test: gcc is not installed; skipping the race detector"
fi
