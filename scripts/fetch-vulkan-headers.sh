#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Vulkan headers that know the newer extensions of presentation: Debian 12's do
# not. Unpacked to build/vulkan-headers/include, where CMake finds them.
#
# Usage: scripts/fetch-vulkan-headers.sh [SUITE...]
#        takes the first SUITE that has them new enough (default: trixie-backports,
#        then forky)
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

INTO=$BUILD/vulkan-headers
# The youngest extension that the layer serves.
WANTED=VK_EXT_present_timing

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
esac
SUITES=("$@")
((${#SUITES[@]})) || SUITES=(trixie-backports forky)

# are_there DIRECTORY
are_there() { grep -qs "define $WANTED 1" "$1/include/vulkan/vulkan_core.h"; }

# unpack DEB: replaces what is there, or leaves it as it was.
unpack() {
  rm -rf "$INTO.part"
  mkdir -p "$INTO.part/include"
  dpkg-deb -x "$1" "$INTO.part/deb"
  mv "$INTO.part/deb/usr/include/"{vulkan,vk_video} "$INTO.part/include/"
  rm -rf "$INTO.part/deb"
  are_there "$INTO.part" || { rm -rf "$INTO.part"; return 1; }
  rm -rf "$INTO"
  mv "$INTO.part" "$INTO"
}

if are_there "$INTO"; then exit; fi
mkdir -p "$BUILD"
lock vulkan-headers
for suite in "${SUITES[@]}"; do
  are_there "$INTO" && exit
  deb=$("$REPO/scripts/apt-suite.sh" "$suite" download libvulkan-dev) || continue
  if unpack "$deb"; then
    say "Vulkan headers of ${deb##*/}, out of $suite"
    exit
  fi
  say "$suite has ${deb##*/}, which does not know $WANTED"
done
die "none of ${SUITES[*]} has Vulkan headers with $WANTED"
