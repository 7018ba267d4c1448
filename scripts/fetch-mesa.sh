#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A newer Mesa than the system's, software drivers included, unpacked (not
# installed) under build/mesa/VERSION; prints the path of a program that runs
# others with it:
#   build/mesa/25/run vulkaninfo --summary
# What is run sees this Mesa and its libraries, in a mount namespace of its own,
# laid over the system's /usr; nothing else differs, and nothing outside of it
# changes. That takes root, or a kernel that lets users make namespaces.
#
# Usage: scripts/fetch-mesa.sh 25|26
#        25  of bookworm-backports
#        26  of trixie-backports, with trixie's libc
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/overlay-runner.sh
. "$(dirname "${BASH_SOURCE[0]}")/overlay-runner.sh"

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  25) SUITE=bookworm-backports ;;
  26) SUITE=trixie-backports ;;
  *) usage_error "a version of Mesa is needed: 25 or 26" ;;
esac
VERSION=$1
ROOT=$BUILD/mesa/$VERSION
PACKAGES=(mesa-vulkan-drivers libegl-mesa0 libgl1-mesa-dri libgbm1 libglx-mesa0)

need_commands unshare
mkdir -p "$BUILD/mesa"
lock "mesa-$VERSION"
[[ -f $ROOT/release ]] || unpack_overlay "$ROOT" "$SUITE" "Mesa $VERSION" "${PACKAGES[@]}"
echo "$ROOT/run"
