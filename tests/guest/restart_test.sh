#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# restart_test.sh --vmm qemu|uml --out DIR: kills the broker (SIGKILL) 20 times while vkcube runs in
# a guest, then the viewer 3 times. The VM and vkcube must go on, and frames must arrive again
# within a second of each restart.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ $# == 4 && $1 == --vmm && $3 == --out ]] || usage_error "--vmm qemu|uml --out DIR"
VMM=$2 OUT=$4
TOOLS=${VDMABUF_BUILD_DIR:-$BUILD/release}/runtime/tools
KILLS=20
LIMIT_MS=1000
PIDS=()

rm -rf "$OUT"
mkdir -p "$OUT"
XDG_RUNTIME_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$XDG_RUNTIME_DIR"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# Frames that the consumers have shown, as the broker that runs now counts them.
shown() {
  "$TOOLS/vdmabufctl" list --json 2>/dev/null | jq -r '[.streams[]?.frames_shown] | add // 0' || echo 0
}

# wait_frames SINCE_MS LIMIT_MS: until frames flow; prints the time that it took.
wait_frames() {
  local first='' count
  while (($(now_ms) - $1 < $2)); do
    count=$(shown)
    if [[ -n $first ]] && ((count > first)); then
      echo $(($(now_ms) - $1))
      return
    fi
    # A broker that has just started counts from nothing.
    if [[ -z $first ]] || ((count < first)); then first=$count; fi
    sleep 0.02
  done
  return 1
}

start_viewer() {
  setpriv --pdeathsig TERM "$TOOLS/vdmabuf-viewer" --headless --screenshot "$OUT/frame.png" \
    --stats "$OUT/viewer.json" >>"$OUT/viewer.log" 2>&1 &
  VIEWER=$!
  PIDS+=("$VIEWER")
}

setpriv --pdeathsig TERM "$TOOLS/vdmabufd" --vm "test=$XDG_RUNTIME_DIR/vm.sock" >"$OUT/vdmabufd.log" 2>&1 &
KEEPER=$!
PIDS+=("$KEEPER")
for ((i = 0; i < 200; i++)); do
  [[ ! -S $XDG_RUNTIME_DIR/vm.sock ]] || break
  sleep 0.05
done
start_viewer
setpriv --pdeathsig TERM "$REPO/scripts/guest/boot.sh" --vmm "$VMM" --share "$OUT/guest" --timeout 500 \
  --vhost-user "$XDG_RUNTIME_DIR/vm.sock" -- \
  "$REPO/scripts/guest/with-xvfb.sh" --size 500x500 "$TOOLS/vdmabuf-run" \
  vkcube --width 256 --height 256 >"$OUT/boot.log" 2>&1 &
GUEST=$!
PIDS+=("$GUEST")

wait_frames "$(now_ms)" 240000 >/dev/null || { show_tail "$OUT/guest/guest-output.log"; die "no frames from the guest"; }
say "frames flow; killing the broker $KILLS times"
times=()
for ((i = 1; i <= KILLS; i++)); do
  broker=$(pgrep -P "$KEEPER") || die "the keeper has no broker"
  start=$(now_ms)
  kill -KILL "$broker"
  took=$(wait_frames "$start" "$LIMIT_MS") || die "kill $i: no frames within $LIMIT_MS ms"
  times+=("$took")
  kill -0 "$GUEST" 2>/dev/null || { show_tail "$OUT/guest/console.log"; die "kill $i: the guest or vkcube has ended"; }
  # shellcheck disable=SC2009
  sleep 0.$((RANDOM % 5))
done
say "frames again after (ms): ${times[*]}"

say "killing the viewer 3 times"
for ((i = 1; i <= 3; i++)); do
  kill -KILL "$VIEWER"
  wait "$VIEWER" 2>/dev/null || true
  start=$(now_ms)
  start_viewer
  took=$(wait_frames "$start" "$LIMIT_MS") || die "viewer $i: no frames within $LIMIT_MS ms"
  say "picture back after $took ms"
done
kill -0 "$GUEST" 2>/dev/null || die "the guest or vkcube has ended"
kill -0 "$KEEPER" 2>/dev/null || die "the keeper has ended"

kill "$VIEWER"
wait "$VIEWER" || true
jq -e '.blank == false and .cpu_copied_bytes_per_frame == 0' "$OUT/viewer.json" >/dev/null ||
  { cat "$OUT/viewer.json" >&2; die "the last picture is blank, or was copied"; }
say "passed"
