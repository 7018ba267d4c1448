#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# egl_test.sh --out DIR: programs of other people through the EGL library in a VM: es2gears under X11
# and Weston, and glmark2-es2, drawn by llvmpipe into buffers of vgem that the driver shares
# (dmabuf-export, nobody copies), and once read back; and docs/examples/egl_window,
# without a window system. The viewer must get a picture of many colours,
# by that strategy and no other.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ $# -eq 2 && $1 == --out ]] || usage_error "--out DIR is needed"
OUT=$(realpath -m -- "$2")
FRAMES=5 COLOURS=100
BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
TOOLS=$BIN/runtime/tools
# NAME STRATEGY COPIES
WAYS=("gears-x11 dmabuf-export 0" "gears-wayland dmabuf-export 0" "glmark2-x11 dmabuf-export 0" "gears-x11-copied cpu-copy 1"
  "window dmabuf-export 0")

rm -rf "$OUT"
mkdir -p "$OUT/guest"
SOCKETS=$(mktemp -d)
PIDS=()
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$SOCKETS"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP
export XDG_RUNTIME_DIR=$SOCKETS

setpriv --pdeathsig TERM "$TOOLS/vdmabufd" --vm "test=$SOCKETS/vm.sock" >"$OUT/vdmabufd.log" 2>&1 &
PIDS+=("$!")
for ((i = 0; i < 200; i++)); do
  [[ ! -S $SOCKETS/vm.sock ]] || break
  sleep 0.05
done
setpriv --pdeathsig TERM "$REPO/scripts/guest/boot.sh" --vmm qemu --kernel 6.12 --mem 2048 \
  --vhost-user "$SOCKETS/vm.sock" --share "$OUT/guest" --timeout 500 -- \
  "$REPO/scripts/guest/with-xvfb.sh" "$REPO/tests/guest/egl_job.sh" "$TOOLS" "$OUT/guest" >"$OUT/boot.log" 2>&1 &
GUEST=$!
PIDS+=("$GUEST")

failed=0
for way in "${WAYS[@]}"; do
  read -r name strategy copies <<<"$way"
  until [[ -e $OUT/guest/started.$name ]]; do
    kill -0 "$GUEST" 2>/dev/null || { cat "$OUT/boot.log"; show_tail "$OUT/guest/guest-output.log"; die "the guest has ended"; }
    sleep 0.2
  done
  "$TOOLS/vdmabuf-viewer" --headless --no-broker --frames "$FRAMES" --timeout 120 --screenshot "$OUT/$name.png" \
    --stats "$OUT/$name.json" >"$OUT/$name.log" 2>&1 ||
    { show_tail "$OUT/$name.log"; show_tail "$OUT/guest/guest-output.log"; die "no picture of $name"; }
  : >"$OUT/guest/done.$name"
  colours=$("$BIN/tests/tools/count_colours" "$OUT/$name.png")
  jq -e --arg strategy "$strategy" --argjson copies "$copies" \
    '.strategy == $strategy and (.cpu_copied_bytes_per_frame > 0) == ($copies == 1)' "$OUT/$name.json" >/dev/null ||
    { jq 'del(.streams)' "$OUT/$name.json" >&2; say "$name: not by $strategy"; failed=1; }
  ((${colours%% *} >= COLOURS)) || { say "$name: only ${colours%% *} colours"; failed=1; }
  say "$name: $(jq -r '"\(.width)x\(.height), by \(.strategy), \(.cpu_copied_bytes_per_frame) bytes copied a frame"' \
    "$OUT/$name.json"), ${colours%% *} colours"
done
wait "$GUEST" || { cat "$OUT/boot.log"; show_tail "$OUT/guest/guest-output.log"; die "the guest's command failed"; }
exit "$failed"
