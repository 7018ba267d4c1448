#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the layer and the EGL library for 32-bit programs (Wine, older games), beside the system's own: preset i386,
# below build/i386. To run one with it:
#   XDG_DATA_DIRS=build/i386/json:/usr/share ENABLE_VDMABUF=1 APP
#
# Usage: scripts/build-32.sh
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  '') ;;
  *) usage_error "unknown argument '$1'" ;;
esac
need_commands i686-linux-gnu-g++
"$REPO/scripts/build.sh" i386
echo "$BUILD/i386/layer/libVkLayer_vdmabuf_wsi.so"
echo "$BUILD/i386/egl/libEGL_vdmabuf.so.0"
