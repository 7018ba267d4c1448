#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kms_job.sh BIN SHARE: in a guest with a virtio-gpu: the viewer has the screen for itself.
set -euo pipefail
BIN=$1 SHARE=$2
for ((i = 0; i < 100; i++)); do [[ ! -e /dev/dri/card0 ]] || break; sleep 0.1; done
export XDG_RUNTIME_DIR=/run/user/0
mkdir -p "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
wait_for() { # TEXT FILE
  local i
  for ((i = 0; i < 1200; i++)); do grep -q "$1" "$2" 2>/dev/null && return; sleep 0.1; done
  echo "no '$1' in $2:" >&2
  cat "$2" >&2
  exit 1
}
"$BIN/runtime/tools/vdmabufd" >"$SHARE/vdmabufd.log" 2>&1 &
for ((i = 0; i < 600; i++)); do [[ ! -S $XDG_RUNTIME_DIR/vdmabuf/producer.sock ]] || break; sleep 0.1; done
start_viewer() { # NAME
  "$BIN/runtime/tools/vdmabuf-viewer" --no-broker --kms auto --screenshot "$SHARE/$1.png" --stats "$SHARE/$1.json" \
    >"$SHARE/$1.log" 2>&1 &
  viewer=$!
  wait_for connected "$SHARE/$1.log"
}
start_viewer still
size=$(sed -n 's/.*screen: .*, \([0-9]*x[0-9]*\)$/\1/p' "$SHARE/still.log")
"$BIN/tests/runtime/viewer/pattern_app" --endpoint "$XDG_RUNTIME_DIR/vdmabuf/producer.sock" --once --times \
  --width "${size%x*}" --height "${size#*x}" >"$SHARE/app.log" 2>&1 &
app=$!
wait_for '^shown 1 ' "$SHARE/app.log"
touch "$SHARE/shown"
for ((i = 0; i < 600; i++)); do [[ ! -e $SHARE/seen ]] || break; sleep 0.1; done
kill "$viewer"
wait "$viewer"
kill "$app"
# The screen is free again. Frame after frame: each is flipped to.
start_viewer moving
"$BIN/tests/runtime/viewer/pattern_app" --endpoint "$XDG_RUNTIME_DIR/vdmabuf/producer.sock" --frames 60 >"$SHARE/app2.log" 2>&1
kill "$viewer"
wait "$viewer"
