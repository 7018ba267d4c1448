#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# glfw_test.sh PROGRAM --out DIR: glfw_window with GLFW 3.4, of Debian 13, which has EGL on its null
# platform, without any window system, to a headless viewer; its picture must be the one that it draws.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ $# -eq 3 && $2 == --out ]] || usage_error "a program and --out DIR are needed"
PROGRAM=$1 OUT=$3
BUILT=${VDMABUF_BUILD_DIR:-$BUILD/release}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
deb=$("$REPO/scripts/apt-suite.sh" trixie download libglfw3)
dpkg-deb -x "$deb" "$WORK"
LIBRARY=$(find "$WORK" -name libglfw.so.3 -print -quit)
[[ -n $LIBRARY ]] || die "no libglfw.so.3 in $deb"
"$REPO/tests/apps/quarters.py" "$WORK/quarters.png" 640 480
VDMABUF_DISPLAY=640x480 "$REPO/tests/apps/app_test.sh" --egl --on none --size 640x480 --colours 4 --like "$WORK/quarters.png" \
  --out "$OUT" -- env -u __EGL_VENDOR_LIBRARY_DIRS "$BUILT/runtime/tools/vdmabuf-run" --no-window-system --gl egl "$PROGRAM" "$LIBRARY"
