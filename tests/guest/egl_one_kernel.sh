#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# egl_one_kernel.sh: app, broker and consumer on one kernel that has vgem and no GPU, under the X server
# of DISPLAY (scripts/guest/with-xvfb.sh); in a guest, as program_test.sh runs it. By dmabuf-export, the
# viewer, which imports no dmabufs here, maps the buffers that the app draws into, and nobody copies. By
# default frames are read back, drawn by Mesa's software device and not by the one that cannot draw.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
TOOLS=$BIN/runtime/tools
FRAMES=5 COLOURS=100
modprobe vgem
OUT=$(mktemp -d)
export XDG_RUNTIME_DIR=$OUT VDMABUF_LOG=info
PIDS=()
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
}
trap cleanup EXIT
"$TOOLS/vdmabufd" >"$OUT/vdmabufd.log" 2>&1 &
PIDS+=("$!")
for ((i = 0; i < 600; i++)); do
  [[ ! -S $OUT/vdmabuf/consumer.sock ]] || break
  sleep 0.1
done
failed=0
# check NAME STRATEGY COPIES, of a program that runs
check() {
  local name=$1 strategy=$2 copies=$3 colours
  VDMABUF_STRATEGY=${4:-} "$TOOLS/vdmabuf-run" --gl egl es2gears_x11 >"$OUT/$name.log" 2>&1 &
  local app=$!
  PIDS+=("$app")
  "$TOOLS/vdmabuf-viewer" --headless --no-broker --frames "$FRAMES" --timeout 60 --screenshot "$OUT/$name.png" \
    --stats "$OUT/$name.json" >"$OUT/viewer-$name.log" 2>&1 ||
    { cat "$OUT/$name.log" "$OUT/viewer-$name.log" "$OUT/vdmabufd.log"; die "no picture of $name"; }
  colours=$("$BIN/tests/tools/count_colours" "$OUT/$name.png")
  say "$name: $(jq -r '"by \(.strategy), \(.cpu_copied_bytes_per_frame) bytes copied a frame"' "$OUT/$name.json"), ${colours%% *} colours"
  jq -e --arg strategy "$strategy" --argjson copies "$copies" \
    '.strategy == $strategy and (.cpu_copied_bytes_per_frame > 0) == ($copies == 1)' "$OUT/$name.json" >/dev/null &&
    ((${colours%% *} >= COLOURS)) || { jq 'del(.streams)' "$OUT/$name.json"; failed=1; }
  kill "$app"
  wait "$app" || true
}
check exported dmabuf-export 0 C
check default cpu-copy 1
exit "$failed"
