#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A newer Weston than the system's, unpacked (not installed) under build/weston/14, with a Mesa and a
# libc to go with it; prints the path of a program that runs others with it, as scripts/fetch-mesa.sh:
#   build/weston/14/run weston --backend=headless --renderer=pixman
# Its pixman renderer reads dmabufs that are LINEAR, which the system's does not.
#
# Usage: scripts/fetch-weston.sh
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/overlay-runner.sh
. "$(dirname "${BASH_SOURCE[0]}")/overlay-runner.sh"

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  '') ;;
  *) usage_error "no arguments are known" ;;
esac
need_commands unshare
mkdir -p "$BUILD/weston"
lock weston-14
[[ -f $BUILD/weston/14/release ]] ||
  unpack_overlay "$BUILD/weston/14" trixie "Weston 14" weston mesa-vulkan-drivers libegl-mesa0 libgl1-mesa-dri libgbm1 libsdl2-2.0-0
echo "$BUILD/weston/14/run"
