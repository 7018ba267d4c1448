#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs a program of other people through the layer, on a display server of its own, to a broker and a
# headless viewer, and checks the last picture that came.
#
# Usage: app_test.sh OPTION... --out DIR -- COMMAND...
#   --on x11|wayland|none  the display server: Xvfb, Weston without an output, none (default x11)
#   --size WxH             the window must have this size
#   --frames N             so many frames must come (default 60)
#   --colours N            the picture must have so many colours (default 100)
#   --plain                ... or one only, that is not black (programs that clear the window)
#   --like FILE.png        the picture must be this one, but for the rounding of drivers
#   --like-vkcube          ... or that of the same frame of vkcube natively
#   --video SOURCE         ... or the first one of this source of ffmpeg, which is added to the command;
#                          in it DEVICE becomes the name of the driver's device
#   --resize WxH           then the X11 window is given this size, and the picture must follow
#   --changed MIN:MAX      ... and differs from it in this part of its pixels, in percent (overlays)
#   --copies               a CPU may copy pixels
#   --egl                  the EGL vendor library serves, which copies
#   --below NAMES          these layers are below ours, from the top, with a colon between two; ...
#   --above NAMES          ... above ours (see layers.sh)
#   --key NAME             after the first look this key is pressed in the window
#   --captures SUFFIX      a file whose name ends so is written in the test's folder; OUTPUT in the
#                          command becomes the start of such names there
#   --replay COMMAND       plays the captured file back, through our layer alone, with a picture again
#   --silent REGEX         the program says nothing like this
#   --layer DIR            build folder of the layer (default: that of the tools)
#   --root RUN             program that runs the command in another root
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
# shellcheck source=tests/apps/layers.sh
. "$(dirname "${BASH_SOURCE[0]}")/layers.sh"
BUILT=${VDMABUF_BUILD_DIR:-$BUILD/release}
TOOLS=$BUILT/runtime/tools
TESTS=$BUILT/tests/tools
BELOW='' ABOVE='' CAPTURES='' REPLAY='' KEY='' SILENT='' CHANGED=''
ON=x11 SIZE='' FRAMES=60 COLOURS=100 PLAIN='' LIKE='' LIKE_VKCUBE='' VIDEO='' RESIZE='' COPIES='' EGL='' LAYER=$BUILT ROOT='' OUT=''
START_LIMIT_S=20
RUN_DIR='' STARTED=()

while (($#)); do
  case $1 in
    -h | --help) show_help "$0"; exit ;;
    --plain) PLAIN=1 ;;
    --like-vkcube) LIKE_VKCUBE=1 ;;
    --copies) COPIES=1 ;;
    --egl) EGL=1 COPIES=1 ;;
    --) shift; break ;;
    --on | --size | --frames | --colours | --like | --video | --resize | --layer | --root | --out | \
      --below | --above | --captures | --replay | --key | --silent | --changed)
      (($# >= 2)) || usage_error "$1 needs a value"
      name=${1#--}
      printf -v "${name^^}" '%s' "$2"
      shift
      ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift
done
[[ -n $OUT ]] && (($#)) || usage_error "a folder and a command are needed"
need_commands jq setpriv

cleanup() {
  local pid
  for pid in "${STARTED[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  [[ -z $RUN_DIR ]] || rm -rf "$RUN_DIR"
}

# start NAME COMMAND...: in the background, until this script ends; its process is PID.
start() {
  local log=$OUT/$1.log
  shift
  setpriv --pdeathsig TERM "$@" </dev/null >"$log" 2>&1 &
  PID=$!
  STARTED+=("$PID")
}

# stop PID: a program that was started; waits for its end.
stop() {
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

fail() {
  local log
  for log in "$OUT"/app.log "$OUT"/replay.log "$OUT"/viewer*.log; do show_tail "$log"; done
  die "$*"
}

# wait_for NAME CONDITION...: until the condition holds.
wait_for() {
  local i name=$1
  shift
  for ((i = 0; i < START_LIMIT_S * 20; i++)); do
    ! "$@" || return 0
    sleep 0.05
  done
  fail "$name was not ready after $START_LIMIT_S s"
}

start_display() {
  case $ON in
    x11)
      mkfifo "$RUN_DIR/display"
      start xvfb sh -c 'exec Xvfb -displayfd 3 -screen 0 1280x1024x24 -nolisten tcp 3>"$1"' sh "$RUN_DIR/display"
      local number
      read -r -t "$START_LIMIT_S" number <"$RUN_DIR/display" || fail "Xvfb does not start"
      export DISPLAY=:$number
      ;;
    wayland)
      start weston weston --backend=headless-backend.so --use-pixman --no-config --idle-time=0 --socket=wayland
      wait_for Weston test -S "$RUN_DIR/wayland"
      export WAYLAND_DISPLAY=wayland
      ;;
    none) ;;
    *) usage_error "--on must be x11, wayland or none" ;;
  esac
}

# view NAME FRAMES: the viewer until it has so many frames; its figures are NAME.json.
view() {
  local status=0
  rm -f "$OUT/$1".{json,png}
  timeout 120 "$TOOLS/vdmabuf-viewer" --headless --no-broker --frames "$2" --timeout 60 \
    --screenshot "$OUT/$1.png" --stats "$OUT/$1.json" >"$OUT/viewer-$1.log" 2>&1 || status=$?
  # 4: the picture is blank, which --plain expects.
  [[ $status == 0 || ($status == 4 && -n $PLAIN) ]] || fail "the viewer ended with status $status"
}

expect() { # NAME JQ-CONDITION
  jq -e "$2" "$OUT/$1.json" >/dev/null || { jq 'del(.streams)' "$OUT/$1.json" >&2; fail "not true: $2"; }
}

check_picture() { # NAME
  local colours
  colours=$("$TESTS/count_colours" "$OUT/$1.png") || fail "no picture"
  if [[ -n $PLAIN ]]; then
    [[ $colours == "1 "* && $colours != "1 000000" ]] || fail "not one colour: $colours"
  else
    ((${colours%% *} >= COLOURS)) || fail "the picture has only ${colours%% *} colours"
  fi
  say "picture $1: ${colours%% *} colour(s), $(jq -r '"\(.width)x\(.height), \(.frames_received) frames"' "$OUT/$1.json")"
}

mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd -P)
rm -f "$OUT"/*
unset DISPLAY WAYLAND_DISPLAY XAUTHORITY
RUN_DIR=$(mktemp -d)
trap cleanup EXIT
export XDG_RUNTIME_DIR=$RUN_DIR
start vdmabufd "$TOOLS/vdmabufd"
wait_for vdmabufd test -S "$RUN_DIR/vdmabuf/consumer.sock"
start_display
export VDMABUF_LOG=${VDMABUF_LOG:-info}
stack_layers
if [[ -n $EGL ]]; then
  export __EGL_VENDOR_LIBRARY_DIRS=$LAYER/json/glvnd/egl_vendor.d:/etc/glvnd/egl_vendor.d:/usr/share/glvnd/egl_vendor.d
fi
if [[ -z ${VK_ICD_FILENAMES:-} ]]; then
  for icd in /usr/share/vulkan/icd.d/lvp_icd*.json; do export VK_ICD_FILENAMES=$icd; done
fi
COMMAND=("${@/OUTPUT/$OUT/output}")
if [[ -n $VIDEO ]]; then
  mpv --no-config --no-terminal --vo=image --vo-image-format=png --vo-image-outdir="$OUT" --frames=1 \
    "av://lavfi:$VIDEO" && mv "$OUT"/0*1.png "$OUT/video.png" || fail "mpv cannot make a picture"
  LIKE=$OUT/video.png
  device=$(DISABLE_VDMABUF=1 vulkaninfo --summary 2>/dev/null | sed -n 's/^[[:space:]]*deviceName *= *//p')
  COMMAND=("${COMMAND[@]/DEVICE/$device}" "av://lavfi:$VIDEO")
fi
start app env "${LAYER_ENV[@]}" ${ROOT:+"$ROOT"} "${COMMAND[@]}"
APP=$PID
view first "$FRAMES"
expect first ".frames_received >= $FRAMES"
[[ -z $SIZE ]] || expect first "\"\(.width)x\(.height)\" == \"$SIZE\""
[[ -n $COPIES ]] || expect first '.cpu_copied_bytes_per_frame == 0'
check_picture first
if [[ -n $LIKE_VKCUBE ]]; then
  LIKE=$OUT/native.png
  VDMABUF_TEST_TOOLS=$TESTS "$REPO/tests/tools/native_frame.sh" "$(jq -e .last_serial "$OUT/first.json")" \
    "$(jq -r '"\(.width)x\(.height)"' "$OUT/first.json")" "$LIKE"
fi
[[ -z $LIKE ]] || "$TESTS/compare_png" "$OUT/first.png" "$LIKE" ${CHANGED:+--changed "${CHANGED%:*}" "${CHANGED#*:}"} ||
  fail "not the picture that it should be"
if [[ -n $RESIZE$KEY ]]; then
  kill -0 "$APP" || fail "the program has ended"
  window=$(xwininfo -root -children | awk '$1 ~ /^0x/ && /[0-9]x[0-9]/ && !/ 1x1\+/ { print $1; exit }')
  [[ -n $window ]] || fail "no window"
fi
if [[ -n $KEY ]]; then
  # Held for some frames: programs look at each frame whether it is down.
  xdotool windowfocus "$window" sleep 0.2 keydown "$KEY" sleep 0.2 keyup "$KEY" sleep 0.5
fi
if [[ -n $RESIZE ]]; then
  xdotool windowsize "$window" "${RESIZE%x*}" "${RESIZE#*x}"
  sleep 1
  view resized 20
  expect resized "\"\(.width)x\(.height)\" == \"$RESIZE\""
  check_picture resized
fi
kill -0 "$APP" || fail "the program has ended"
check_order "$OUT/app.log"
[[ -z $SILENT ]] || ! grep -E "$SILENT" "$OUT/app.log" >&2 || fail "the program says such things"
if [[ -n $CAPTURES ]]; then
  stop "$APP"
  captured=("$OUT"/output*"$CAPTURES")
  [[ -s ${captured[0]} ]] || fail "nothing was captured"
  say "captured: $(stat -c '%n, %s bytes' "${captured[0]}")"
fi
if [[ -n $REPLAY ]]; then
  read -r -a command <<<"$REPLAY"
  ABOVE='' BELOW='' LAYER_ENV=()
  stack_layers
  start replay env "${LAYER_ENV[@]}" "${command[@]}" "${captured[0]}"
  view replayed 3
  [[ -z $SIZE ]] || expect replayed "\"\(.width)x\(.height)\" == \"$SIZE\""
  check_picture replayed
fi
