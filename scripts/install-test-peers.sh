#!/usr/bin/env bash
# Sees to the programs that the tests talk to and that are not npm packages: a real FreeRADIUS, a real supplicant, clients in
# other languages. On Debian and Ubuntu as root it installs what is missing; otherwise it names it and ends with 1.
# `--check` only looks. Nothing is started as a service.
set -euo pipefail

# package:file that shows that it is there
peers=(
  freeradius:/usr/sbin/freeradius
  freeradius-rest:/usr/lib/freeradius/rlm_rest.so
  freeradius-utils:/usr/bin/radclient
  eapoltest:/usr/bin/eapol_test
  hostapd:/usr/sbin/hostapd
  wpasupplicant:/usr/sbin/wpa_supplicant
  iproute2:/usr/sbin/ip
  faketime:/usr/bin/faketime
  curl:/usr/bin/curl
  libxml2-utils:/usr/bin/xmllint
  prometheus:/usr/bin/promtool
  python3-requests:/usr/lib/python3/dist-packages/requests/__init__.py
  python3-jwt:/usr/lib/python3/dist-packages/jwt/__init__.py
  python3-cryptography:/usr/lib/python3/dist-packages/cryptography/__init__.py
  ca-certificates:/usr/sbin/update-ca-certificates
)

missing_packages() {
  local peer
  for peer in "${peers[@]}"; do
    [ -e "${peer#*:}" ] || printf '%s ' "${peer%%:*}"
  done
}

missing=$(missing_packages)
[ -n "$missing" ] || exit 0

if [ "${1:-}" = --check ] || [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "Missing for the tests with real peers: $missing" >&2
  echo "Install them: sudo apt-get install $missing" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
# The packages start their daemons when they are installed; the tests run their own. A policy that is there already stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
echo "Installing for the tests with real peers: $missing" >&2
# shellcheck disable=SC2086 # a list of package names
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1; then
  echo "apt-get could not install: $missing" >&2
  exit 1
fi
left=$(missing_packages)
[ -z "$left" ] || { echo "Still missing: $left" >&2; exit 1; }
