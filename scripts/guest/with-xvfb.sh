#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs a command under an X server of its own, without a screen, and ends with
# the command's exit status. The server is up before the command starts; signals
# go to the command, and the server ends after it.
#
# Usage: scripts/guest/with-xvfb.sh [--size WxH] COMMAND [ARG...]
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

START_LIMIT_S=60
SIZE=1920x1080
case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  --size)
    (($# >= 2)) || usage_error "--size needs WxH"
    SIZE=$2
    shift 2
    ;;
esac
[[ $SIZE =~ ^[1-9][0-9]*x[1-9][0-9]*$ ]] || usage_error "--size must be like 1920x1080"
(($#)) || usage_error "a command is needed"
need_commands Xvfb setpriv

WORK=$(mktemp -d)
SERVER=''
cleanup() {
  [[ -z $SERVER ]] || kill "$SERVER" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkfifo "$WORK/display"
exec {READY}<>"$WORK/display" # opened both ways, so that neither side waits for the other
setpriv --pdeathsig TERM Xvfb -displayfd "$READY" -screen 0 "${SIZE}x24" -nolisten tcp -noreset \
  >"$WORK/log" 2>&1 &
SERVER=$!
read -r -t "$START_LIMIT_S" -u "$READY" display ||
  { show_tail "$WORK/log"; die "Xvfb did not start within $START_LIMIT_S s"; }
exec {READY}>&-
export DISPLAY=:$display
unset WAYLAND_DISPLAY XAUTHORITY
"$@" &
COMMAND=$!
SIGNALLED=''
trap 'SIGNALLED=1; kill "$COMMAND" 2>/dev/null' INT TERM HUP
status=0
wait "$COMMAND" || status=$?
while [[ -n $SIGNALLED ]]; do # the signal ended our wait, not yet the command
  SIGNALLED='' status=0
  wait "$COMMAND" || status=$?
done
exit "$status"
