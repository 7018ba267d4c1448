#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing of scripts/packages.txt. Without root it prints what
# is missing and the command that installs it, and exits with 2.
#
# Usage: scripts/install-packages.sh [--check | --apps | --bench]
#        --check  only say what is missing: exit 0 if nothing is, else 2
#        --apps   scripts/packages-apps.txt too: programs of other people that
#                 ./check --full runs
#        --bench  scripts/packages-bench.txt too: what ./bench compares with, and plots
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

LIST=$REPO/scripts/packages.txt
LISTS=("$LIST")
LOCK_LIMIT_S=600 # how long another apt may take
CHECK=''
case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  --check) CHECK=1 ;;
  --apps) LISTS+=("$REPO/scripts/packages-apps.txt") ;;
  --bench) LISTS+=("$REPO/scripts/packages-bench.txt") ;;
  '') ;;
  *) usage_error "unknown option '$1'" ;;
esac
command -v dpkg-query >/dev/null ||
  die "this is no Debian system; install what corresponds to $LIST by hand"

mapfile -t wanted < <(sed 's/#.*//' "${LISTS[@]}" | awk 'NF { print $1 }')
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(sort -u <<<"$installed"))
((${#missing[@]})) || exit 0

if [[ -n $CHECK || $EUID -ne 0 ]]; then
  printf 'missing packages: %s\ninstall them with:\n  sudo apt-get update && sudo apt-get install --no-install-recommends %s\n' \
    "${missing[*]}" "${missing[*]}" >&2
  exit 2
fi

log=$BUILD/install-packages.log
mkdir -p "$BUILD"
apt=(apt-get -q -y -o DPkg::Lock::Timeout="$LOCK_LIMIT_S")
say "installing ${#missing[@]} package(s): ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  show_tail "$log"
  die "the installation failed; all messages: $log"
fi
