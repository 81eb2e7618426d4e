#!/usr/bin/env bash
# Installs Microsoft's client for Python, once, and drives the emulator with it:
#
#   scripts/test-clients.sh [-k TEXT] [--keep]
#
# The client comes from the package index that pip is configured for.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if ! command -v apt-get >/dev/null; then
    echo "the clients need Python 3 with venv; install it and try again" >&2
    exit 1
  fi
  sudo=; [ "$(id -u)" -eq 0 ] || sudo=sudo
  $sudo apt-get update -q
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends python3 python3-venv
fi

# One environment a set of versions: another set gets another folder.
wanted=$(cat clients/python/requirements.txt <("$python" -VV) | sha256sum | cut -c 1-12)
venv=$PWD/.cache/clients-$wanted
if [ ! -e "$venv/complete" ]; then
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement clients/python/requirements.txt
  touch "$venv/complete"
fi

MLSYNC=$PWD/bin/mlsync PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" clients/python/run.py "$@"
