#!/usr/bin/env bash
# A release binary is static, at most 40 MB, and says its version quickly.
set -euo pipefail
bin=$1
if ldd "$bin" 2>&1 | grep -qv 'not a dynamic executable\|statically linked'; then
  echo "$bin is not static" >&2; exit 1
fi
size=$(stat -c %s "$bin")
echo "size: $((size / 1000000)) MB"
[ "$size" -le 40000000 ] || { echo "$bin is over 40 MB" >&2; exit 1; }
"$bin" version
