#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# several_test.sh --out DIR VMM...: a guest for each VMM (uml, qemu), three apps in each and three
# on this kernel, all at once, with one broker and one viewer: a window for each. Every picture has
# the number of its app and of its frame in it: windows must show their own app's, to the pixel, and
# newer ones as time goes by. The viewer is killed and started again: all windows are back.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ $# -ge 3 && $1 == --out ]] || usage_error "--out DIR VMM..."
OUT=$2
shift 2
VMMS=(local "$@")
BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
TOOLS=$BIN/runtime/tools
APP=$BIN/tests/runtime/viewer/pattern_app
PIDS=()
LIMIT_S=90 # for what a loaded machine, or a guest without KVM, has to do
PER_APP=16777216

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
start() { # LOG COMMAND...
  setpriv --pdeathsig TERM "${@:2}" >>"$OUT/$1" 2>&1 &
  PIDS+=("$!")
}
start_viewer() {
  start viewer.log env SDL_VIDEODRIVER=x11 "$TOOLS/vdmabuf-viewer" --no-broker --stats "$OUT/viewer.json"
  VIEWER=${PIDS[-1]}
}

# place_windows: beside each other; what is covered cannot be read.
place_windows() {
  local vm app
  for vm in "${!VMMS[@]}"; do
    for app in 1 2 3; do
      xdotool search --name "^vm$vm app$app\$" windowmove $((300 * app - 300)) $((240 * vm)) 2>/dev/null || true
    done
  done
}

# number_in VM APP: the number in the app's window, once the picture there is whole and its own.
number_in() {
  local title="vm$1 app$2" size=$((160 + 40 * $2))x$((100 + 20 * $1 + 20 * $2)) number i
  for ((i = 0; i < LIMIT_S * 2; i++)); do
    if "$BIN/tests/tools/grab_window" "$title" "$OUT/window.png" 2>/dev/null &&
      number=$("$BIN/tests/tools/read_pattern" "$OUT/window.png" "$size" 2>"$OUT/wrong"); then
      ((number / PER_APP == $1 * 8 + $2)) || die "the window '$title' shows another app's picture: $number"
      echo "$number"
      return
    fi
    place_windows
    sleep 0.2
  done
  cat "$OUT/wrong" >&2
  show_tail "$OUT/viewer.log"
  die "no right picture in the window '$title'"
}
# look: every window's number, in one line.
look() {
  local vm app
  for vm in "${!VMMS[@]}"; do for app in 1 2 3; do number_in "$vm" "$app" || exit 1; done; done | xargs
}
# expect_newer OLD NEW: each number has grown.
expect_newer() {
  local -a old new
  local i
  read -ra old <<<"$1"
  read -ra new <<<"$2"
  ((${#new[@]} == 3 * ${#VMMS[@]})) || die "numbers of ${#new[@]} windows"
  for i in "${!new[@]}"; do ((new[i] > old[i])) || return 1; done
}
# watch_all NUMBERS: until every window has a newer picture than these.
watch_all() {
  local i
  for ((i = 0; i < LIMIT_S; i++)); do
    NUMBERS=$(look) || exit 1
    if expect_newer "$1" "$NUMBERS"; then return; fi
    sleep 0.2
  done
  die "pictures stand still: $1, then $NUMBERS"
}

mkfifo "$XDG_RUNTIME_DIR/display"
exec {READY}<>"$XDG_RUNTIME_DIR/display"
start xvfb.log Xvfb -displayfd "$READY" -screen 0 1280x1024x24 -nolisten tcp -noreset
read -r -t 60 -u "$READY" display || die "Xvfb does not start"
export DISPLAY=:$display

SERVED=()
for vm in "${!VMMS[@]}"; do
  [[ ${VMMS[vm]} == local ]] || SERVED+=(--vm "vm$vm=$XDG_RUNTIME_DIR/vm$vm.sock")
done
start vdmabufd.log "$TOOLS/vdmabufd" "${SERVED[@]}"
KEEPER=${PIDS[-1]}
for ((i = 0; i < 600; i++)); do
  [[ ! -S $XDG_RUNTIME_DIR/vdmabuf/consumer.sock ]] || break
  sleep 0.05
done
start_viewer
for vm in "${!VMMS[@]}"; do
  if [[ ${VMMS[vm]} == local ]]; then
    start apps.log "$REPO/tests/guest/several_job.sh" "$APP" "$vm"
  else
    start "boot$vm.log" "$REPO/scripts/guest/boot.sh" --vmm "${VMMS[vm]}" --mem 256 --share "$OUT/guest$vm" \
      --timeout 500 --vhost-user "$XDG_RUNTIME_DIR/vm$vm.sock" -- \
      "$REPO/tests/guest/several_job.sh" "$APP" "$vm"
  fi
done

NUMBERS=$(look) || exit 1
say "windows show: $NUMBERS"
watch_all "$NUMBERS"
say "and then: $NUMBERS"
"$TOOLS/vdmabufctl" list --json >"$OUT/list.json"
jq -e '[.streams[].vm] | group_by(.) | map(length) | all(. == 3)' "$OUT/list.json" >/dev/null ||
  die "not three streams of each; see $OUT/list.json"
(($(jq '.streams | length' "$OUT/list.json") == 3 * ${#VMMS[@]})) || die "streams are missing; see $OUT/list.json"

say "the viewer is killed, and started again"
kill -KILL "$VIEWER"
wait "$VIEWER" 2>/dev/null || true
start=$(now_ms)
start_viewer
AGAIN=$(look) || exit 1
say "all windows are back after $(($(now_ms) - start)) ms: $AGAIN"
expect_newer "$NUMBERS" "$AGAIN" || die "older pictures than before: $NUMBERS"

kill -0 "$KEEPER" || die "the keeper has ended"
kill "$VIEWER"
wait "$VIEWER" || die "the viewer's status is $?"
jq -e '.streams | length >= 6' "$OUT/viewer.json" >/dev/null || die "see $OUT/viewer.json"
jq -e '[.streams[].cpu_copied_bytes_per_frame] | all(. == 0)' "$OUT/viewer.json" >/dev/null ||
  die "pixels were copied; see $OUT/viewer.json"
say "passed"
