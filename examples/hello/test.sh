#!/bin/sh
# Runs every test whose number falls to this node: test.sh INDEX TOTAL.
set -eu
index=$1 total=$2 number=0 failed=0

check() { # check WANT NAME...
  number=$((number + 1))
  [ $((number % total)) -eq "$index" ] || return 0
  want=$1 && shift
  got=$(./greet.sh "$@")
  if [ "$got" = "$want" ]; then
    echo "ok   $number $want"
  else
    echo "FAIL $number got '$got', want '$want'"
    failed=1
  fi
}

check 'Hello, world!'
check 'Hello, Nomad!' Nomad
check 'Hello, Consul!' Consul
check 'Hello, Vault!' Vault
exit $failed
