#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kms_job.sh BIN SHARE: in a guest with a virtio-gpu: the viewer has the screen for itself.
set -euo pipefail
BIN=$1 SHARE=$2
for ((i = 0; i < 100; i++)); do [[ ! -e /dev/dri/card0 ]] || break; sleep 0.1; done
# Who tells which devices are keyboards and which are pointers.
export SYSTEMD_IGNORE_CHROOT=1 # udevadm takes the guest for one
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=input
udevadm settle --timeout=60
export XDG_RUNTIME_DIR=/run/user/0
mkdir -p "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
fail() {
  echo "kms_job.sh: $1" >&2
  exit 1
}
wait_for() { # TEXT FILE
  local i
  for ((i = 0; i < 1200; i++)); do grep -q "$1" "$2" 2>/dev/null && return; sleep 0.1; done
  echo "no '$1' in $2:" >&2
  cat "$2" >&2
  exit 1
}
wait_for_file() {
  local i
  for ((i = 0; i < 2400; i++)); do [[ ! -e $1 ]] || return 0; sleep 0.1; done
  fail "no $1"
}
"$BIN/runtime/tools/vdmabufd" >"$SHARE/vdmabufd.log" 2>&1 &
for ((i = 0; i < 600; i++)); do [[ ! -S $XDG_RUNTIME_DIR/vdmabuf/producer.sock ]] || break; sleep 0.1; done
start_viewer() { # NAME COMMAND...: the viewer's, behind it
  local name=$1
  shift
  "$@" "$BIN/runtime/tools/vdmabuf-viewer" --no-broker --kms auto --screenshot "$SHARE/$name.png" --stats "$SHARE/$name.json" \
    >"$SHARE/$name.log" 2>&1 &
  viewer=$!
  wait_for connected "$SHARE/$name.log"
}
start_app() { # NAME OPTION...
  local name=$1
  shift
  "$BIN/tests/runtime/viewer/pattern_app" --endpoint "$XDG_RUNTIME_DIR/vdmabuf/producer.sock" --title "$name" --times "$@" \
    >"$SHARE/$name.log" 2>&1 &
  app=$!
}
# Of the terminal behind the screen: 4 is off.
keyboard() {
  python3 -c '
import fcntl, os
mode = bytearray(4)
fcntl.ioctl(os.open("/dev/tty1", os.O_RDWR | os.O_NOCTTY), 0x4B44, mode)
print(mode[0])'
}
typed=$(keyboard)
[[ $typed != 4 ]] || fail "the terminal's keyboard is off before the start"

start_viewer still
size=$(sed -n 's/.*screen: .*, \([0-9]*x[0-9]*\)$/\1/p' "$SHARE/still.log")
start_app app --once --width "${size%x*}" --height "${size#*x}"
first=$app
wait_for '^shown 1 ' "$SHARE/app.log"
# A picture that stands still wakes nobody: each thread that is woken goes to sleep again.
sleeps() { cat /proc/"$viewer"/task/*/status | awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }'; }
sleep 2 # the last figures are told within a second
before=$(sleeps)
sleep 3
[[ $(sleeps) == "$before" ]] || fail "the viewer of a still picture was woken $(($(sleeps) - before)) times"
touch "$SHARE/shown"
wait_for_file "$SHARE/seen"
kill "$viewer"
wait "$viewer"
[[ $(keyboard) == "$typed" ]] || fail "the terminal has not got its keyboard back"

# The screen is free again. Two apps, and somebody who uses them.
start_viewer input
for ((i = 0; i < 1200; i++)); do # once more
  (($(grep -c '^input kind 1 code 0 value 1' "$SHARE/app.log") < 2)) || break
  sleep 0.1
done
start_app second --once --first 5 --width 640 --height 480
for ((i = 0; i < 600; i++)); do
  (($("$BIN/runtime/tools/vdmabufctl" list --json | jq '.streams | length') < 2)) || break
  sleep 0.1
done
touch "$SHARE/ready"
[[ $(keyboard) == 4 ]] || fail "what is typed goes to the terminal as well"
wait_for_file "$SHARE/leaving"
wait "$viewer" || fail "the viewer did not end well by its key: $?"
[[ $(keyboard) == "$typed" ]] || fail "the terminal has not got its keyboard back"
# Nor does one that crashes keep it.
start_viewer crashed
[[ $(keyboard) == 4 ]] || fail "what is typed goes to the terminal as well"
kill -SEGV "$viewer"
wait "$viewer" && fail "crashed, yet well"
[[ $(keyboard) == "$typed" ]] || fail "a crash leaves the terminal without its keyboard"
kill "$first" "$app"
wait "$first" "$app" 2>/dev/null || true

# Frame after frame: each is flipped to. By one who may not read the devices.
chmod 000 /dev/input/event*
start_viewer moving setpriv --bounding-set=-dac_override,-dac_read_search
[[ $(keyboard) == "$typed" ]] || fail "nobody has the keyboard"
"$BIN/tests/runtime/viewer/pattern_app" --endpoint "$XDG_RUNTIME_DIR/vdmabuf/producer.sock" --frames 60 >"$SHARE/app2.log" 2>&1
kill "$viewer"
wait "$viewer"
