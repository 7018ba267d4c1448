#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# viewer.sh BUILD ROUNDS SECONDS: an idle viewer with a window on a virtual X server. How long a frame that
# it receives takes until its drawing has been handed to the GPU, beside how long a thread takes to
# be woken, turn and turn about; and how often viewer and broker wake up in ten seconds in which
# nothing changes. JSON on standard output.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
(($# == 3)) || usage_error "BUILD, ROUNDS and SECONDS of each are needed"
BUILD_DIR=$(realpath -- "$1") ROUNDS=$2 SECONDS_A_ROUND=$3
RATE=10 # frames a second: at 4K the X server is busy with one for 25 ms, and everybody is to sleep in between
STILL_S=10
if [[ -z ${VDMABUF_BENCH_DISPLAY:-} ]]; then
  # As for the other figures of single calls: what else runs on the machine must not be measured. The X
  # server too: it is what the next image may have to wait for.
  first=()
  chrt -r 5 true 2>/dev/null && first=(chrt -r 5)
  VDMABUF_BENCH_DISPLAY=1 exec "${first[@]}" "$REPO/scripts/guest/with-xvfb.sh" "${BASH_SOURCE[0]}" "$@"
fi
tools=$BUILD_DIR/runtime/tools
RUN_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR=$RUN_DIR SDL_VIDEODRIVER=x11
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
KEEPER=$!
PIDS+=("$KEEPER")
for ((i = 0; i < 200; i++)); do [[ -S $RUN_DIR/vdmabuf/consumer.sock ]] && break; sleep 0.05; done

start_viewer() {
  "$tools/vdmabuf-viewer" --no-broker --stats "$RUN_DIR/stats.json" >"$RUN_DIR/viewer.log" 2>&1 &
  VIEWER=$!
  PIDS+=("$VIEWER")
}
flip() { "$BUILD_DIR/tests/bench/flip/flip_vdmabuf" --path "$RUN_DIR/vdmabuf/producer.sock" --images 3 "$@"; }
# How often threads of these processes have gone to sleep, which is how often they were woken.
sleeps() {
  local pid
  for pid in "$@"; do cat "/proc/$pid"/task/*/status; done | awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n }'
}

submit='[]' wake='[]'
for ((round = 1; round <= ROUNDS; round++)); do
  for size in 500x500 3840x2160; do
    start_viewer
    flip --size "$size" --rate "$RATE" --seconds "$SECONDS_A_ROUND" >"$RUN_DIR/flip.json"
    kill "$VIEWER"
    wait "$VIEWER" || { show_tail "$RUN_DIR/viewer.log"; die "the viewer fails"; }
    submit=$(jq --arg size "$size" --slurpfile stats "$RUN_DIR/stats.json" \
      '. + [$stats[0] | {size: $size, frames: .frames_received} + .received_to_submitted_us]' <<<"$submit")
  done
  woken=$("$BUILD_DIR/tests/bench/wake_bench" $((RATE * SECONDS_A_ROUND / 2)) "$RATE")
  wake=$(jq --argjson woken "$woken" '. + [$woken]' <<<"$wake")
  say "viewer, round $round: submitted after $(jq -c '.[-2:] | map([.size, .p50, .p99])' <<<"$submit") us, a thread wakes after $(jq -c '[.p50, .p99]' <<<"$woken") us" >&2
done

start_viewer
flip --size 500x500 --streams 0 --idle 1 --seconds $((STILL_S + 5)) >"$RUN_DIR/flip.json" &
PIDS+=($!)
sleep 3 # the last figures are told within a second
mapfile -t served < <(echo "$KEEPER"; pgrep -P "$KEEPER")
viewer_before=$(sleeps "$VIEWER") broker_before=$(sleeps "${served[@]}")
sleep "$STILL_S"
viewer_still=$(($(sleeps "$VIEWER") - viewer_before)) broker_still=$(($(sleeps "${served[@]}") - broker_before))
kill "$VIEWER"
wait "$VIEWER" || true
(($(jq .frames_received "$RUN_DIR/stats.json") == 1)) || die "the still picture was not shown"
jq -n --argjson submit "$submit" --argjson wake "$wake" --argjson viewer "$viewer_still" --argjson broker "$broker_still" \
  --argjson seconds "$STILL_S" '
  def middle: sort | .[length / 2 | floor];
  def figures: {p50: (map(.p50) | middle), p99: (map(.p99) | middle), rounds_p99: map(.p99)};
  {
    submit: ($submit | group_by(.size) | map({key: .[0].size, value: figures}) | from_entries),
    wake: ($wake | figures),
    still: {seconds: $seconds, viewer_wakes: $viewer, broker_wakes: $broker}
  }'
