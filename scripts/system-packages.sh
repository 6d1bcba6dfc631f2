#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
#
# Installs Debian packages that are not there yet, and nothing when all are.
# Without arguments: everything that the end-to-end tests lean on.
set -euo pipefail

[ $# -gt 0 ] || set -- postgresql git docker.io containernetworking-plugins busybox-static iptables iproute2 openssh-client bash curl jq python3

missing=()
for package; do
  case $package in
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=("$package") ;;
    git) command -v git >/dev/null || missing+=("$package") ;;
    docker.io) { command -v dockerd && command -v docker; } >/dev/null || missing+=("$package") ;;
    containernetworking-plugins) [ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || missing+=("$package") ;;
    busybox-static) dpkg -s busybox-static >/dev/null 2>&1 || missing+=("$package") ;;
    iptables) command -v iptables >/dev/null || missing+=("$package") ;;
    iproute2) command -v ip >/dev/null || missing+=("$package") ;;
    bash | curl | jq | python3 | zstd) command -v "$package" >/dev/null || missing+=("$package") ;;
    openssh-client) command -v ssh >/dev/null || missing+=("$package") ;;
  esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "needed and not installed: ${missing[*]} (Debian's names); install them and run this again" >&2
  exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
