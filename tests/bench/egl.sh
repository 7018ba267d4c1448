#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# egl.sh BUILD ROUNDS SECONDS SIZE...: frames per second of glmark2-es2's "build" through the EGL
# library to a headless consumer, over those of the vendor presenting to the same X server, turn and
# turn about. JSON on standard output, by size. With a device that renders into shared memory
# (modprobe vgem) the way is another one: "strategy" says which it was.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
(($# >= 4)) || usage_error "BUILD, ROUNDS, SECONDS and sizes are needed"
tools=$(realpath -- "$1")/runtime/tools rounds=$2 seconds=$3
shift 3
need_commands glmark2-es2 jq
RUN_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR=$RUN_DIR
PIDS=()
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$RUN_DIR"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

"$tools/vdmabufd" >"$RUN_DIR/vdmabufd.log" 2>&1 &
PIDS+=($!)
for ((i = 0; i < 200; i++)); do [[ -S $RUN_DIR/vdmabuf/consumer.sock ]] && break; sleep 0.05; done

# fps SIZE COMMAND...: of glmark2, started by the command.
fps() {
  local size=$1 found
  shift
  found=$("$REPO/scripts/guest/with-xvfb.sh" --size 4096x2304 "$@" glmark2-es2 -s "$size" -b "build:duration=$seconds" \
    2>"$RUN_DIR/glmark2.log" | sed -n 's/.*FPS: *\([0-9]*\).*/\1/p' | head -n 1)
  [[ $found =~ ^[1-9] ]] || { cat "$RUN_DIR/glmark2.log" >&2; die "glmark2-es2 has no result"; }
  echo "$found"
}

result='{}'
for size in "$@"; do
  for ((round = 1; round <= rounds; round++)); do
    native=$(fps "$size" env DISABLE_VDMABUF=1)
    "$tools/vdmabuf-viewer" --headless --refresh 0 --no-broker --stats "$RUN_DIR/stats.json" >"$RUN_DIR/viewer.log" 2>&1 &
    viewer=$!
    ours=$(fps "$size" "$tools/vdmabuf-run" --gl egl)
    kill "$viewer"
    wait "$viewer" || true
    strategy=$(jq -r .strategy "$RUN_DIR/stats.json")
    say "glmark2-es2 $size, round $round: native $native, by $strategy $ours frames/s" >&2
    result=$(jq --arg size "$size" --arg strategy "$strategy" --argjson native "$native" --argjson ours "$ours" '
      .[$size].strategy = $strategy | .[$size].rounds += [{native: $native, egl: $ours, ratio: ($ours / $native)}]' <<<"$result")
  done
done
jq 'def middle: sort | .[length / 2 | floor];
  map_values(. + {ratio: (.rounds | map(.ratio) | middle), native_fps: (.rounds | map(.native) | middle),
    egl_fps: (.rounds | map(.egl) | middle)})' <<<"$result"
