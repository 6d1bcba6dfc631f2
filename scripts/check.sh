#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
#
# What a change must pass before it is committed. Each check that fails prints
# the command that mends it.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0

check() { # check NAME FIX COMMAND...
  local name=$1 fix=$2 out
  shift 2
  if out=$("$@" 2>&1) && [ -z "$out" ]; then
    echo "ok    $name"
  else
    failed=1
    printf 'FAIL  %s\n%s\n      mend it with: %s\n' "$name" "$out" "$fix"
  fi
}

quiet() { "$@" >/dev/null; }
templates() { quiet bin/muster check jobs/muster.hcl jobs/tasks/*.nomad.hcl; }
jobfiles() {
  local nomad
  PATH="$PATH:$(scripts/tools.sh --path)"
  nomad=$(command -v nomad) || return 0 # make tools has not run yet; e2e submits them all
  "$nomad" fmt -check jobs/*.nomad.hcl jobs/infra/*.nomad.hcl jobs/tasks/*.nomad.hcl
}

check "gofmt" "make fmt" gofmt -l $(git ls-files '*.go')
# -e: a version that only the tests of a dependency name may not be served.
tidy() { go mod tidy -e -diff 2>/dev/null; }
check "go.mod is tidy" "go mod tidy -e" tidy
check "go vet" "see above" go vet ./...
check "go vet, end-to-end tests" "see above" go vet -tags=e2e ./e2e/...
check "house rules" "see above" quiet go test -count=1 ./internal/house/...
check "it builds" "see above" make -s --no-print-directory build
check "settings and templates" "bin/muster check names file and line" templates
check "nomad fmt" "nomad fmt jobs" jobfiles
check "shell scripts" "bash -n names the line" bash -n scripts/*.sh .ci/run
exit $failed
