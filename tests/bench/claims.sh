#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the project claims about speed, as ratios within one run: one JSON object. With fewer than five
# rounds, what takes long is left out or made shorter.
#
# Usage: tests/bench/claims.sh ROUNDS OUT-DIR   (writes OUT-DIR/claims.json)
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"

ROUNDS=$1 OUT=$2
RELEASE=$BUILD/release
TOOLS=$RELEASE/runtime/tools
FRAMES=60   # of vkcube, beyond those of the short run that is subtracted
WARM_UP=10  # frames of the short run: start and end of vkcube cost the same in both
PIDS=()

mkdir -p "$OUT"
RUN_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR=$RUN_DIR
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$RUN_DIR"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

list() { printf '%s\n' "$@" | jq -s .; }

# The host side: a broker and a consumer that takes every frame at once.
"$TOOLS/vdmabufd" >"$OUT/vdmabufd.log" 2>&1 &
PIDS+=($!)
for ((i = 0; i < 100; i++)); do [[ -S $RUN_DIR/vdmabuf/consumer.sock ]] && break; sleep 0.05; done
"$TOOLS/vdmabuf-viewer" --headless --refresh 0 >"$OUT/viewer.log" 2>&1 &
PIDS+=($!)

# fps LAYER SIZE: vkcube's frames per second, without its start and end.
fps() {
  local -a run=(env DISABLE_VDMABUF=1)
  [[ $1 == native ]] || run=("$TOOLS/vdmabuf-run")
  "$REPO/scripts/guest/with-xvfb.sh" --size 4096x2304 bash -c '
    frames=$1 warm_up=$2 width=$3 height=$4
    shift 4
    seconds() {
      local start=$EPOCHREALTIME
      "$@" >/dev/null 2>&1 || exit 1
      echo "$start $EPOCHREALTIME" | awk "{ print \$2 - \$1 }"
    }
    cube() { seconds "$@" vkcube --present_mode 0 --width "$width" --height "$height" --c "$count"; }
    count=$warm_up short=$(cube "$@")
    count=$((warm_up + frames)) long=$(cube "$@")
    awk -v n="$frames" -v s="$short" -v l="$long" "BEGIN { print n / (l - s) }"
  ' bash "$FRAMES" "$WARM_UP" "${2%x*}" "${2#*x}" "${run[@]}"
}

RATIOS=() NATIVE=() LAYER=()
for ((round = 1; round <= ROUNDS; round++)); do
  native=$(fps native 3840x2160) || die "vkcube does not run natively"
  layer=$(fps layer 3840x2160) || die "vkcube does not run through the layer"
  say "vkcube 3840x2160, round $round: native $native, through the layer $layer frames/s"
  NATIVE+=("$native") LAYER+=("$layer")
  RATIOS+=("$(awk -v a="$layer" -v b="$native" 'BEGIN { print a / b }')")
done

say "glmark2-es2 through the EGL library"
FULL=''
((ROUNDS < 5)) || FULL=1
egl=$("$REPO/tests/bench/egl.sh" "$RELEASE" "$((FULL ? ROUNDS : 1))" 3 1920x1080 3840x2160)
egl_guest=null
if [[ -n $FULL ]]; then # minutes, in an emulated guest
  say "glmark2-es2 through the EGL library without a copy, in a guest"
  egl_guest=$("$REPO/tests/bench/egl_guest.sh" "$RELEASE" "$OUT/egl-guest" 4 5 1920x1080 3840x2160)
fi

say "vkQueuePresentKHR by size"
# On one processor: waking a thread on another one costs 5 or 50 microseconds in a virtual machine, as
# it happens to sleep, and hides everything else.
PRESENT=()
for ((round = 1; round <= ROUNDS; round++)); do
  PRESENT+=("$(taskset -c $(($(nproc) - 1)) "$TOOLS/vdmabuf-run" --no-window-system "$RELEASE/tests/bench/present_bench" \
    --rounds 20 --frames 100 256x256 3840x2160)")
done
present=$(list "${PRESENT[@]}")
say "vkAcquireNextImageKHR and vkQueuePresentKHR beside the driver's own submissions"
# First come, first served among the program's threads: a thread that is woken would interrupt the call
# that wakes it, on the one processor.
FAIR=()
chrt -r 5 true 2>/dev/null && FAIR=(chrt -r 5)
CALLS=() THREADS=()
for ((round = 1; round <= ROUNDS; round++)); do
  CALLS+=("$("${FAIR[@]}" taskset -c $(($(nproc) - 1)) "$TOOLS/vdmabuf-run" --no-window-system \
    "$RELEASE/tests/bench/call_bench" --rounds 4 --frames 100 256x256 3840x2160)")
  THREADS+=("$("$TOOLS/vdmabuf-run" --no-window-system "$RELEASE/tests/bench/threads_bench" --rounds 5 --frames 300)")
done
calls=$(list "${CALLS[@]}") threads=$(list "${THREADS[@]}")
say "an idle viewer"
viewer=$("$REPO/tests/bench/viewer.sh" "$RELEASE" "$((FULL ? ROUNDS - 2 : 1))" "$((FULL ? 20 : 6))")
say "registration of a 4K buffer"
registration=$("$RELEASE/tests/bench/registration_bench" --producer "$RUN_DIR/vdmabuf/producer.sock" \
  --consumer "$RUN_DIR/vdmabuf/consumer.sock" --rounds $((ROUNDS * 10)))
say "registration of a 4K buffer in a guest, from whole and from fragmented memory"
guest_registration=$("$REPO/tests/bench/guest_registration.sh" "$RELEASE" "$OUT/guest-registration" $((ROUNDS * 10)))
guest_udmabuf=null
if [[ -n $FULL ]]; then
  say "the same by udmabuf, in a guest of a guest"
  guest_udmabuf=$("$REPO/tests/bench/registration_by_udmabuf.sh" "$RELEASE" "$OUT/guest-udmabuf" $((ROUNDS * 4 + 1)))
fi
say "the host's part of it, by host pointer here and by udmabuf in a guest that has it"
host_part=$("$RELEASE/tests/bench/import_bench" --rounds $((ROUNDS * 10)))
"$REPO/tests/guest/program_test.sh" --vmm uml --mesa 25 --out "$OUT/import" -- \
  "$RELEASE/tests/bench/import_bench" --rounds $((ROUNDS * 10)) >"$OUT/import.log" ||
  { show_tail "$OUT/import.log"; die "import_bench fails in User Mode Linux"; }
host_part_uml=$(cat "$OUT/import/guest-output.log")

jq -n --argjson ratios "$(list "${RATIOS[@]}")" --argjson native "$(list "${NATIVE[@]}")" \
  --argjson layer "$(list "${LAYER[@]}")" --argjson present "$present" --argjson calls "$calls" --argjson threads "$threads" --argjson registration "$registration" \
  --argjson guest_registration "$guest_registration" --argjson guest_udmabuf "$guest_udmabuf" --argjson host_part "$host_part" --argjson host_part_uml "$host_part_uml" \
  --argjson egl "$egl" --argjson egl_guest "$egl_guest" --argjson viewer "$viewer" \
  --arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" --arg cores "$(nproc)" \
  --arg kernel "$(uname -r)" --arg driver "$(vulkaninfo --summary 2>/dev/null | sed -n 's/.*driverInfo *= //p' | head -n 1)" '
  {
    machine: {cpu: $cpu, cores: ($cores | tonumber), kernel: $kernel, vulkan_driver: $driver},
    vkcube_4k: {
      ratio: ($ratios | sort | .[length / 2 | floor]), ratios: $ratios,
      native_fps: ($native | sort | .[length / 2 | floor]), layer_fps: ($layer | sort | .[length / 2 | floor])
    },
    egl: $egl, egl_guest: $egl_guest,
    present: (
      ($present | map(.["3840x2160"].present_ns / .["256x256"].present_ns)) as $ratios
      | ($present | sort_by(.["256x256"].present_ns) | .[length / 2 | floor])
        + {ratio: ($ratios | sort | .[length / 2 | floor]), ratios: $ratios}
    ),
    calls: ($calls | [(.[0] | keys[]) as $on | (.[0][$on] | keys[]) as $size
      | {on: $on, size: $size, beyond_us: (map(.[$on][$size] | (.ours_ns - .driver_ns) / 1000) | sort | .[length / 2 | floor]),
         ratio: (map(.[$on][$size] | .ours_ns / .driver_ns) | sort | .[length / 2 | floor])}]),
    threads: ($threads | {count: .[0].threads,
      throughput_ratio: (map(.throughput_ratio) | sort | .[length / 2 | floor]),
      thread_time_ratio: (map(.thread_time_ratio) | sort | .[length / 2 | floor])}),
    viewer: $viewer,
    registration: $registration, guest_registration: $guest_registration, guest_udmabuf: $guest_udmabuf,
    host_part: {here: $host_part, uml: $host_part_uml}
  }' >"$OUT/claims.json"
