#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chain_test.sh DEMO-OPTION... --out DIR: vkcube inside a real guest (or, with --local, on this
# kernel), through the whole chain by ./demo; the last picture must be the one that the same frame
# of vkcube gives natively, and no CPU may have copied a pixel.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
FRAMES=120
OUT=${*: -1}
TOOLS=${VDMABUF_BUILD_DIR:-$BUILD/release}/tests/tools

"$REPO/demo" "$@" --frames "$FRAMES"

report=$OUT/report.json
expect() { # JQ-CONDITION
  jq -e "$1" "$report" >/dev/null || { jq . "$report" >&2; die "report.json: not true: $1"; }
}
mode=vm
[[ $1 != --local ]] || mode=local
expect ".mode == \"$mode\""
expect '.frames_received >= 120'
expect '.import_path == "host-pointer"'
expect '.cpu_copied_bytes_per_frame == 0'

frame=$(jq -e .last_serial "$OUT/viewer.json")
VDMABUF_TEST_TOOLS=$TOOLS "$REPO/tests/tools/native_frame.sh" "$frame" 500x500 "$OUT/native.png"
say "frame $frame of vkcube, through the chain and natively:"
"$TOOLS/compare_png" "$OUT/frame.png" "$OUT/native.png"
