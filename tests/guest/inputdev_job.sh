#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# inputdev_job.sh BIN SHARE: in a guest with vdmabuf's input devices: a program without a display server,
# and one that reads them. Orders come as files in SHARE.
set -euo pipefail
BIN=$1 SHARE=$2
modprobe evdev
modprobe virtio_input
"$BIN/tests/guest/evdev_reader" >"$SHARE/events.log" 2>&1 &
reader=$!
for ((i = 0; i < 600; i++)); do [[ $(grep -c ^device "$SHARE/events.log") != 3 ]] || break; sleep 0.1; done
# How udev tells them apart, and what libinput makes of that.
for node in /sys/class/input/event*; do
  read -r name <"$node/device/name"
  [[ $name != vdmabuf* ]] || udevadm test-builtin input_id "$node" 2>/dev/null | sed -n "s/^ID_INPUT_\([A-Z]*\)=1$/$name is \1/p"
done >"$SHARE/kinds.log"
# The tree is one that was changed into.
export SYSTEMD_IGNORE_CHROOT=1
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=input
udevadm settle
"$BIN/tests/guest/libinput_reader" >"$SHARE/libinput.log" 2>&1 &
libinput=$!
"$BIN/tests/runtime/viewer/pattern_app" --once --no-input >"$SHARE/app.log" 2>&1 &
app=$!
while [[ ! -e $SHARE/stop ]]; do
  for order in "$SHARE"/order-*; do
    [[ -e $order ]] || continue
    case $order in
      */order-down) kill -USR1 "$reader" ;;
      */order-reload) modprobe -r virtio_input && modprobe virtio_input ;;
    esac
    rm "$order"
  done
  sleep 0.1
done
kill "$reader" "$libinput" "$app"
wait || true
