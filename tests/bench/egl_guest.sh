#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# egl_guest.sh BUILD OUT-DIR ROUNDS SECONDS SIZE...: as egl.sh, without a copy: in a QEMU guest in which
# llvmpipe draws into buffers of vgem that the driver shares (dmabuf-export), over presenting natively to
# the X server of that guest. By glmark2's frame times, as an emulated guest has few frames a second, and
# natively both before and after, so that what else the machine does meets both. One processor: the other
# one of a small machine is the host's. JSON on standard output.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
(($# >= 5)) || usage_error "BUILD, OUT-DIR, ROUNDS, SECONDS and sizes are needed"
tools=$(realpath -- "$1")/runtime/tools out=$2 rounds=$3 seconds=$4
shift 4
need_commands glmark2-es2 jq
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd -P)
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

"$tools/vdmabufd" --vm "bench=$SOCKETS/vm.sock" >"$out/vdmabufd.log" 2>&1 &
PIDS+=("$!")
for ((i = 0; i < 200; i++)); do [[ ! -S $SOCKETS/vm.sock ]] || break; sleep 0.05; done
"$tools/vdmabuf-viewer" --headless --refresh 0 --no-broker --stats "$out/stats.json" >"$out/viewer.log" 2>&1 &
VIEWER=$!
PIDS+=("$VIEWER")
# One line for each run in the guest: size, way, milliseconds a frame.
# shellcheck disable=SC2016 # for that shell
"$REPO/scripts/guest/boot.sh" --vmm qemu --kernel 6.12 --smp 1 --mem 3072 --vhost-user "$SOCKETS/vm.sock" --share "$out" \
  --timeout 1500 -- "$REPO/scripts/guest/with-xvfb.sh" --size 4096x2304 bash -c '
    tools=$1 out=$2 rounds=$3 seconds=$4
    shift 4
    modprobe vgem
    frame_time() {
      local size=$1 way=$2 ms
      shift 2
      ms=$("$@" glmark2-es2 -s "$size" -b "build:duration=$seconds" 2>>"$out/glmark2.log" | tee -a "$out/glmark2.log" |
        sed -n "s/.*FrameTime: *\([0-9.]*\) ms.*/\1/p" | head -n 1)
      echo "$size $way ${ms:-none}"
    }
    for size in "$@"; do
      # What QEMU translates and programs load for the first time is not measured.
      for way in "env DISABLE_VDMABUF=1" "$tools/vdmabuf-run --gl egl"; do frame_time "$size" "" $way >/dev/null; done
      frame_time "$size" native env DISABLE_VDMABUF=1
      for ((round = 0; round < rounds; ++round)); do
        frame_time "$size" ours "$tools/vdmabuf-run" --gl egl
        frame_time "$size" native env DISABLE_VDMABUF=1
      done
    done' bash "$tools" "$out" "$rounds" "$seconds" "$@" >"$out/boot.log" 2>&1 ||
  { show_tail "$out/boot.log"; show_tail "$out/guest-output.log"; die "the measurement in the guest failed; see $out"; }
kill "$VIEWER"
wait "$VIEWER" || true
grep -E '^[0-9]+x[0-9]+ (ours|native) [0-9.]+$' "$out/guest-output.log" | jq -Rn --arg strategy "$(jq -r .strategy "$out/stats.json")" \
  --argjson copied "$(jq .cpu_copied_bytes_per_frame "$out/stats.json")" '
  def middle: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2] + .[length / 2 - 1]) / 2 end;
  [inputs | split(" ") | {size: .[0], way: .[1], ms: (.[2] | tonumber)}] | group_by(.size)
  | map({key: .[0].size, value: (. as $runs
      | [range(length) | select($runs[.].way == "ours") | (($runs[. - 1].ms + $runs[. + 1].ms) / 2 / $runs[.].ms)] as $ratios
      | {strategy: $strategy, copied_bytes_per_frame: $copied, ratios: $ratios, ratio: ($ratios | middle),
         native_ms: ($runs | map(select(.way == "native").ms) | middle), egl_ms: ($runs | map(select(.way == "ours").ms) | middle)})})
  | from_entries'
