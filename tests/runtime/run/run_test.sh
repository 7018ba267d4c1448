#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests what vdmabuf-run does about a window system, and that it leaves nothing behind.
#
# Usage: run_test.sh VDMABUF_RUN
set -euo pipefail

RUN=$1
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export XDG_RUNTIME_DIR=$WORK
unset DISPLAY WAYLAND_DISPLAY XAUTHORITY

fail() {
  echo "run_test.sh: $1" >&2
  exit 1
}
expect() { # expect WHAT PATTERN TEXT
  [[ $3 == *"$2"* ]] || fail "$1: no '$2' in: $3"
}
# Nothing of an X server in the runtime directory, in a while.
left_behind() {
  local i
  for ((i = 0; i < 100; i++)); do
    compgen -G "$WORK/vdmabuf-run.*" >/dev/null || return 1
    sleep 0.1
  done
}

expect 'says that it would start one' 'an X server is started' "$("$RUN" --explain true)"
expect 'says what is there' 'X11, :7' "$(DISPLAY=:7 "$RUN" --explain true)"
expect 'says what is there' 'Wayland, way-1' "$(WAYLAND_DISPLAY=way-1 "$RUN" --explain true)"
expect 'leaves it out' 'unset: DISABLE_VDMABUF DISPLAY WAYLAND_DISPLAY' \
  "$(DISPLAY=:7 "$RUN" --no-window-system --explain true)"
left_behind && fail '--explain has started something'

# shellcheck disable=SC2016 # for that shell
none=$(DISPLAY=:7 WAYLAND_DISPLAY=x "$RUN" --no-window-system sh -c 'echo "<$DISPLAY$WAYLAND_DISPLAY>"')
[[ $none == '<>' ]] || fail "a window system in spite of --no-window-system: $none"

# A server that answers, and only to those who have its cookie; standard input is the program's.
# shellcheck disable=SC2016
answer=$(echo word | "$RUN" sh -c '
  read -r word
  xdpyinfo >/dev/null || exit 1
  XAUTHORITY=/nonexistent xdpyinfo >/dev/null 2>&1 && exit 2
  echo "$word"')
[[ $answer == word ]] || fail "no X server for the program: $answer"
left_behind && fail 'the X server outlives its program'

# The program is this very process: its status and its signals.
status=0
"$RUN" sh -c 'exit 42' || status=$?
[[ $status == 42 ]] || fail "status $status instead of 42"
"$RUN" sleep 100 &
pid=$!
for ((i = 0; i < 300; i++)); do
  [[ $(cat "/proc/$pid/comm") == sleep ]] && break
  sleep 0.1
done
[[ $(cat "/proc/$pid/comm") == sleep ]] || fail 'the program was not started'
kill -KILL "$pid"
wait "$pid" && fail 'killed, yet well'
left_behind && fail 'the X server outlives a killed program'

"$RUN" --nonsense true 2>/dev/null && fail 'takes unknown options'
[[ $("$RUN" --version) == 'vdmabuf-run '* ]] || fail 'no version'
echo 'run_test.sh: good'
