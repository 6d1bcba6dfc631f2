#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
#
# Runs examples/hello on a Muster of its own, in a folder that is removed
# afterwards, and shows its output as it comes. Ends as the pipeline ended.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/bin

work=$(mktemp -d)
dev=
cleanup() {
  if [ -n "$dev" ]; then
    kill "$dev" 2>/dev/null || true
    wait "$dev" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT

if ! command -v git >/dev/null; then
  echo "git is needed: install it and run this again" >&2
  exit 1
fi

# Ports of its own, so that a Muster that runs already is not in the way.
public=${MUSTER_DEMO_PORT:-18080}
output=$((public + 505))
cat >"$work/muster.hcl" <<EOF
listen {
  public = "127.0.0.1:$public"
  output = "127.0.0.1:$output"
}
gateway {
  url = "http://127.0.0.1:$public"
}
EOF

echo "== starting Muster on embedded parts"
"$bin/muster" dev --data "$work/data" --config "$work/muster.hcl" >"$work/log" 2>&1 &
dev=$!
for _ in $(seq 300); do
  if grep -q 'Muster is ready' "$work/log"; then break; fi
  if ! kill -0 "$dev" 2>/dev/null; then
    cat "$work/log" >&2
    exit 1
  fi
  sleep 0.1
done

echo "== a git repository from examples/hello"
cp -R examples/hello "$work/hello"
cd "$work/hello"
git init -q -b main
git add .
git -c user.name=Demo -c user.email=demo@example.com commit -qm "Say hello"

echo "== muster run"
export MUSTER_HOST="http://127.0.0.1:$public"
MUSTER_TOKEN=$(cat "$work/data/token")
export MUSTER_TOKEN
"$bin/muster" run
