#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the path of a root for `modprobe -d` that has the virtio network driver of the kernel that
# fetch-kernel.sh has unpacked; no other guest than the benchmarks' needs one.
#
# Usage: scripts/guest/fetch-net-modules.sh 6.1|6.12
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  6.1) SUITE=bookworm ;;
  6.12) SUITE=bookworm-backports ;;
  *) usage_error "a kernel series is needed: 6.1 or 6.12" ;;
esac
kernel=$("$REPO/scripts/guest/fetch-kernel.sh" "$1")
RELEASE=$(cat "$kernel/release")
ROOT=$BUILD/guest/net-modules-$RELEASE
lock "net-modules-$1"
if [[ ! -d $ROOT ]]; then
  deb=$("$REPO/scripts/apt-suite.sh" "$SUITE" download "linux-image-$RELEASE")
  say "unpacking the network driver of kernel $RELEASE"
  rm -rf "$ROOT.part"
  mkdir -p "$ROOT.part"
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$ROOT.part" --wildcards '*/kernel/drivers/net/virtio_net.ko*' \
    '*/kernel/drivers/net/net_failover.ko*' '*/kernel/net/core/failover.ko*' '*/lib/modules/*/modules.*'
  [[ ! -d $ROOT.part/usr ]] || mv "$ROOT.part/usr/lib" "$ROOT.part/lib"
  /sbin/depmod -b "$ROOT.part" "$RELEASE"
  mv "$ROOT.part" "$ROOT"
fi
echo "$ROOT"
