#!/usr/bin/env bash
# Runs every fuzz target for the given time; all of them, also after one has
# failed. What a target found stands in testdata/fuzz of its package.
set -euo pipefail
time=${1:-30s}
cd "$(dirname "$0")/.."
failed=()
for dir in $(grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | xargs -n1 dirname | sort -u); do
  for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | sed 's/^func //' | sort -u); do
    echo "== $dir $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 20x "$dir" || failed+=("$dir $target")
  done
done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'found something: %s\n' "${failed[@]}"
  exit 1
fi
