#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
#
# Makes sure that Nomad, Consul, Vault, the autoscaler and an S3 server are at
# hand: those on PATH are used; the others are built from the versions pinned in
# tools/<name> and kept outside the checkout, so that it happens once a machine.
#
#   scripts/tools.sh             all five
#   scripts/tools.sh nomad ...   some of them
#   scripts/tools.sh circleci    CircleCI's command line, for the tests; never
#                                from PATH, where muster-agent may have that name
#   scripts/tools.sh --path      prints the folders for PATH and builds nothing
#   scripts/tools.sh --file X    prints where the tool X is once it is built
set -euo pipefail
cd "$(dirname "$0")/.."

cache="${MUSTER_TOOLS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/muster/tools}"
all=(nomad consul vault nomad-autoscaler versitygw)

module() {
  case $1 in
  circleci) echo github.com/CircleCI-Public/circleci-cli ;;
  versitygw) echo github.com/versity/versitygw ;;
  *) echo "github.com/hashicorp/$1" ;;
  esac
}
program() { case $1 in versitygw) echo "$(module "$1")/cmd/$1" ;; *) module "$1" ;; esac }
version() { awk -v m="$(module "$1")" '{ for (i = 1; i < NF; i++) if ($i == m) { print $(i + 1); exit } }' "tools/$1/go.mod"; }

if [ "${1:-}" = --path ]; then
  for tool in "${all[@]}"; do printf '%s:' "$cache/$tool-$(version "$tool")"; done
  echo
  exit 0
fi

if [ "${1:-}" = --file ]; then
  echo "$cache/$2-$(version "$2")/$2"
  exit 0
fi

[ $# -gt 0 ] || set -- "${all[@]}"
for tool; do
  if [ "$tool" != circleci ] && found=$(command -v "$tool"); then
    echo "$tool: $found (from PATH)"
    continue
  fi
  wanted=$(version "$tool")
  out="$cache/$tool-$wanted/$tool"
  if [ -x "$out" ]; then
    echo "$tool: $out"
    continue
  fi
  echo "$tool: building $wanted; on two cores this takes 2 to 15 minutes, once"
  mkdir -p "$(dirname "$out")"
  started=$SECONDS
  (cd "tools/$tool" && go build -trimpath -ldflags '-s -w' -o "$out.part" "$(program "$tool")")
  mv "$out.part" "$out"
  echo "$tool: $out (built in $((SECONDS - started)) s)"
done
