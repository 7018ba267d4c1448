#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weston_input_job.sh BIN SHARE: in a guest with a screen and vdmabuf's input devices: Weston with its kiosk
# shell, and a client that prints its input.
set -euo pipefail
BIN=$1 SHARE=$2
modprobe evdev
modprobe virtio_input
modprobe virtio-gpu
for ((i = 0; i < 100; i++)); do [[ ! -e /dev/dri/card0 ]] || break; sleep 0.1; done
# The tree is one that was changed into.
export SYSTEMD_IGNORE_CHROOT=1
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add
udevadm settle
weston --backend=drm-backend.so --tty=2 --shell=kiosk-shell.so --use-pixman --idle-time=0 --socket=test \
  >"$SHARE/weston.log" 2>&1 &
weston=$!
for ((i = 0; i < 600; i++)); do [[ ! -S $XDG_RUNTIME_DIR/test ]] || break; sleep 0.1; done
env WAYLAND_DISPLAY=test stdbuf -oL weston-eventdemo --log-focus --log-key --log-button --log-motion --log-axis \
  >"$SHARE/client.log" 2>&1 &
client=$!
"$BIN/tests/runtime/viewer/pattern_app" --once --no-input >"$SHARE/app.log" 2>&1 &
app=$!
while [[ ! -e $SHARE/stop ]]; do sleep 0.1; done
kill "$client" "$app" "$weston"
wait || true
