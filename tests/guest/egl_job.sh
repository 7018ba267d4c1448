#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# egl_job.sh TOOLS DIR: in the guest, one program after the other (egl_test.sh). DIR/started.NAME
# says that it runs; it ends when DIR/done.NAME is there.
set -euo pipefail
tools=$1 dir=$2
modprobe vgem
weston --backend=headless-backend.so --use-pixman --no-config --idle-time=0 --socket=wayland \
  >"$dir/weston.log" 2>&1 &
WESTON=$!
trap 'kill "$WESTON" 2>/dev/null || true' EXIT
for ((i = 0; i < 600; i++)); do
  [[ ! -S $XDG_RUNTIME_DIR/wayland ]] || break
  sleep 0.1
done

# run NAME COMMAND...
run() {
  local name=$1 app
  shift
  VDMABUF_LOG=info "$tools/vdmabuf-run" --gl egl "$@" &
  app=$!
  : >"$dir/started.$name"
  until [[ -e $dir/done.$name ]]; do
    kill -0 "$app" 2>/dev/null || { echo "$name ended by itself"; exit 1; }
    sleep 0.2
  done
  kill "$app"
  wait "$app" || true
}
run gears-x11 es2gears_x11
WAYLAND_DISPLAY=wayland run gears-wayland es2gears_wayland
run glmark2-x11 glmark2-es2 -s 320x240 -b build:duration=600
VDMABUF_STRATEGY=E run gears-x11-copied es2gears_x11
example=$tools/../../docs/examples/egl_window
run window "$example"
# Of either strategy, the last frame's pages can be had as a dmabuf.
for strategy in '' E; do
  VDMABUF_STRATEGY=$strategy "$tools/vdmabuf-run" --gl egl --no-window-system "$example" 10 |
    grep -q '^frame 10 is a dmabuf: 400x300, format [AX]R24, modifier 0x0, pitch [0-9]*' ||
    { echo "no dmabuf of a frame by strategy '$strategy'"; exit 1; }
done
