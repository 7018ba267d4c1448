#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes the README's pictures from real runs, on X servers of its own: hud.png, the HUD over vkcube,
# and windows.png, a desktop with windows of a guest (User Mode Linux) and of this machine.
#
# Usage: scripts/pictures.sh [--out DIR] [hud|windows]...
#
#   --out DIR   where they go; default docs/pictures
#
# Needs a build (./check --quick makes one).
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
OUT=$REPO/docs/pictures
WANTED=()
while (($#)); do
  case $1 in
    -h | --help) show_help "$0"; exit ;;
    --out) (($# >= 2)) || usage_error "--out needs a folder"; OUT=$2; shift ;;
    hud | windows) WANTED+=("$1") ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift
done
((${#WANTED[@]})) || WANTED=(hud windows)
BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
TOOLS=$BIN/runtime/tools
need_commands Xvfb openbox xdotool vkcube es2gears_x11 setpriv
[[ -x $TOOLS/vdmabuf-viewer && -x $BIN/tests/tools/grab_window ]] || die "nothing is built in $BIN"
mkdir -p "$OUT"
XDG_RUNTIME_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR SDL_VIDEODRIVER=x11
PIDS=()
end_all() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  PIDS=()
}
trap 'end_all; rm -rf "$XDG_RUNTIME_DIR"' EXIT
trap 'exit 143' TERM INT HUP
start() {
  setpriv --pdeathsig TERM "$@" >>"$XDG_RUNTIME_DIR/log" 2>&1 &
  PIDS+=("$!")
}
# x_server NAME WxH: sets the variable NAME to its display.
x_server() {
  local ready number
  mkfifo "$XDG_RUNTIME_DIR/$1.$2"
  exec {ready}<>"$XDG_RUNTIME_DIR/$1.$2"
  start Xvfb -displayfd "$ready" -screen 0 "$2x24" -nolisten tcp -noreset
  read -r -t 60 -u "$ready" number || die "Xvfb does not start"
  exec {ready}>&-
  rm "$XDG_RUNTIME_DIR/$1.$2"
  printf -v "$1" ':%s' "$number"
}
# wait_for TITLE: until the viewer's window is there.
wait_for() {
  local i
  for ((i = 0; i < 600; i++)); do
    if xdotool search --onlyvisible --name "^$1" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  show_tail "$XDG_RUNTIME_DIR/log"
  die "there is no window '$1'"
}
serve() {
  local i
  start "$TOOLS/vdmabufd" "$@"
  for ((i = 0; i < 200; i++)); do [[ ! -S $XDG_RUNTIME_DIR/vdmabuf/consumer.sock ]] || return 0; sleep 0.05; done
  die "vdmabufd does not start"
}
grab() {
  "$BIN/tests/tools/grab_window" "$1" "$OUT/$2.png.new"
  mv "$OUT/$2.png.new" "$OUT/$2.png"
  say "$OUT/$2.png"
}

make_hud() {
  x_server HOST 900x600
  x_server APPS 1000x700
  export DISPLAY=$HOST
  serve
  start "$TOOLS/vdmabuf-viewer" --no-broker --hud
  DISPLAY=$APPS start "$TOOLS/vdmabuf-run" vkcube --width 900 --height 600
  wait_for vkcube
  sleep 6 # the graph fills
  grab vkcube hud
  end_all
}

make_windows() {
  local socket=$XDG_RUNTIME_DIR/games.sock
  x_server HOST 1280x760
  x_server APPS 1280x760
  export DISPLAY=$HOST
  start openbox --sm-disable
  xsetroot -solid '#2b3a4a' 2>/dev/null || true
  serve --vm "games=$socket"
  start "$TOOLS/vdmabuf-viewer" --no-broker
  start "$REPO/scripts/guest/boot.sh" --vmm uml --share "$XDG_RUNTIME_DIR/guest" --vhost-user "$socket" \
    --timeout 300 -- "$REPO/scripts/guest/with-xvfb.sh" "$TOOLS/vdmabuf-run" vkcube --width 560 --height 420
  wait_for vkcube
  DISPLAY=$APPS start "$TOOLS/vdmabuf-run" es2gears_x11
  wait_for 'EGLUT|es2gears'
  start "$BIN/tests/runtime/viewer/pattern_app" --title 'test picture' --width 400 --height 240 --hz 30
  wait_for 'test picture'
  xdotool search --onlyvisible --name '^vkcube' windowmove 40 60
  xdotool search --onlyvisible --name 'EGLUT|es2gears' windowmove 660 50
  xdotool search --onlyvisible --name '^test picture' windowmove 700 440
  sleep 3
  grab root windows
  end_all
}

for wanted in "${WANTED[@]}"; do "make_$wanted"; done
