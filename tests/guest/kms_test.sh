#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kms_test.sh --out DIR: vdmabuf-viewer --kms in a guest with a virtio-gpu and no display server. What
# QEMU's screen shows is the frame, pixel by pixel, and what QEMU's keyboard, pointers and touch
# screen do reaches the app behind it.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ $# == 2 && $1 == --out ]] || usage_error "--out DIR is needed"
OUT=$2 BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
rm -rf "$OUT"
mkdir -p "$OUT"
mesa=$("$REPO/scripts/fetch-mesa.sh" 25) # which imports dmabufs, so that the controller is offered one
sockets=$(mktemp -d)
guest=''
trap '[[ -z $guest ]] || kill "$guest" 2>/dev/null || true; wait; rm -rf "$sockets"' EXIT
devices=() # buttons are those of the last one
for device in virtio-multitouch-pci virtio-tablet-pci virtio-mouse-pci; do devices+=(--qemu -device --qemu "$device"); done
"$REPO/scripts/guest/boot.sh" --vmm qemu --no-module --gpu --qmp "$sockets/qmp" "${devices[@]}" --mem 1536 --timeout 400 --share "$OUT" \
  -- "$mesa" bash -c 'modprobe virtio-gpu && modprobe -a evdev virtio_input && exec "$@"' bash "$REPO/tests/guest/kms_job.sh" "$BIN" "$OUT" >"$OUT/boot.log" 2>&1 &
guest=$!
fail() {
  show_tail "$OUT/guest-output.log"
  show_tail "$OUT/input.log"
  show_tail "$OUT/boot.log"
  die "$1"
}
wait_for_file() { # FILE
  local i
  for ((i = 0; i < 4000; i++)); do
    [[ ! -e $OUT/$1 ]] || return 0
    kill -0 "$guest" 2>/dev/null || break
    sleep 0.1
  done
  fail "the guest does not come to '$1'"
}
user() { python3 -B "$REPO/tests/guest/qmp.py" "$sockets/qmp" "$@"; }
# hears APP TEXT COMMAND...: what a user does, and that the app is told so (a line of its output, from
# where the last one was found on).
declare -A heard=([app]=0 [second]=0)
hears() {
  local app=$1 text=$2 i at
  shift 2
  [[ $# == 0 ]] || user "$@"
  for ((i = 0; i < 300; i++)); do
    at=$(awk -v from="${heard[$app]}" -v text="$text" 'NR > from && index($0, text) { print NR; exit }' "$OUT/$app.log")
    if [[ -n $at ]]; then
      heard[$app]=$at
      return 0
    fi
    sleep 0.1
  done
  tail -n "+$((heard[$app] + 1))" "$OUT/$app.log" | head -n 40 >&2
  fail "$app was not told of '$text' by: $*"
}
# looks OTHER PATTERN: the screen, compared with OTHER, comes to look so.
looks() {
  local i how=''
  for ((i = 0; i < 200; i++)); do
    user dump "$OUT/now.ppm"
    how=$(python3 -B "$REPO/tests/guest/compare_screens.py" "$OUT/$1" "$OUT/now.ppm")
    [[ ! $how =~ ^$2$ ]] || return 0
    sleep 0.1
  done
  cp "$OUT/now.ppm" "$OUT/failed.ppm"
  fail "the screen differs from $1 at '$how', not '$2'"
}

wait_for_file shown
user dump "$OUT/screen.png"
touch "$OUT/seen"

# ---- input
wait_for_file ready
width=$(jq .width "$OUT/still.json") height=$(jq .height "$OUT/still.json")
hears app "kind 1 code 0 value 0" # the first viewer went
hears app "kind 1 code 0 value 1" # the focus, by being shown
user dump "$OUT/first.ppm"
hears app "kind 3 code 30 value 1" keys a
hears app "kind 3 code 30 value 0"
hears app "kind 5 code 0 value 0 at $((width * 64))" abs 8192 16384
hears app "kind 4 code 272 value 1" button left
hears app "kind 4 code 272 value 0"
hears app "kind 7 code 0 value 0 at 0,120" button wheel-up
hears app "kind 5 code 0 " rel 10 0
hears app "kind 8 code 0 value 0 at $((width * 128)),$((height * 128)) of ${width}x$height" touch down 0 16384 16384
hears app "kind 9 code 0 " touch move 0 20000 16384
hears app "kind 10 code 0 " touch up 0
hears app "kind 3 code 97 value 0" keys ctrl_r-g
hears app "kind 6 code 0 value 0 at 2560,-1280" rel 10 -5
hears app "kind 3 code 30 value 1" keys ctrl_r-g keys a
hears app "kind 5 code 0 " rel 1 0
looks first.ppm same # a cursor is the controller's, no pixel of ours

# ---- the viewer's keys
user keys ctrl_r-h
looks first.ppm '10 10 3[0-9][0-9] [1-9][0-9]*' # the HUD's panel
user keys ctrl_r-h
looks first.ppm same
user keys ctrl_r-n # another app
hears app "kind 1 code 0 value 0"
hears second "kind 1 code 0 value 1"
hears second "kind 3 code 48 value 1" keys b
looks first.ppm '0 0 .*'
user keys ctrl_r-n
hears second "kind 1 code 0 value 0"
hears app "kind 1 code 0 value 1"
looks first.ppm same
! grep -q 'code 35 \|code 49 \|code 34 ' "$OUT/app.log" || fail "the app was told of the viewer's own keys"
! grep -q 'kind 3 code 48 ' "$OUT/app.log" || fail "an app without the focus was told of a key"

# ---- another terminal, and back
user keys ctrl-alt-f2
hears app "kind 1 code 0 value 0"
looks first.ppm '[0-9].*'
user keys x # typed there
user keys ctrl-alt-f1
hears app "kind 1 code 0 value 1"
looks first.ppm same
grep -q '^configure 0x0 flags 1' "$OUT/app.log" || fail "the app was not told that nobody sees it"
! grep -q 'kind 3 code 45 ' "$OUT/app.log" || fail "the app was told of what was typed elsewhere"
hears app "kind 3 code 44 value 1" keys z
touch "$OUT/leaving"
user keys ctrl_r-q

status=0
wait "$guest" || status=$?
guest=''
((status == 0)) || { show_tail "$OUT/guest-output.log"; show_tail "$OUT/still.log"; die "the guest's job ended with $status"; }
"$BIN/tests/tools/compare_png" "$OUT/screen.png" "$OUT/still.png" --mean 0
jq -e '.frames_shown == 1' "$OUT/still.json" >/dev/null || { jq . "$OUT/still.json"; die "the frame was not shown"; }
jq -e '.frames_shown >= 3 and .frames_timed_by_display >= 2' "$OUT/moving.json" >/dev/null || { jq . "$OUT/moving.json"; die "frames were not shown"; }
# virtio-gpu of this kernel takes no dmabufs of others, and that is said.
grep -q 'frames are copied to the screen' "$OUT/still.log" || { cat "$OUT/still.log"; die "no dmabuf was tried"; }
# Without permission it goes on without input, and says so in one line.
(($(grep -c 'no input: /dev/input/event[0-9]*: Permission denied (be root, or in the group' "$OUT/moving.log") == 1)) ||
  { cat "$OUT/moving.log"; die "it does not say that there is no input"; }
cat "$OUT"/{still,input,moving}.log
