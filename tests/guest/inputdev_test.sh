#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# inputdev_test.sh --out DIR: a VM's input devices, served to an unmodified QEMU by vhost-user-input:
# what a consumer sends for the window of a program without a display server is what evdev devices
# in the guest say, and libinput, which Wayland compositors ask. The broker dies meanwhile, and the
# driver is loaded anew: no key stays down.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
# shellcheck source=tests/guest/host.sh
. "$REPO/tests/guest/host.sh"
# shellcheck source=tests/guest/input.sh
. "$REPO/tests/guest/input.sh"
[[ $# == 2 && $1 == --out ]] || usage_error "--out DIR is needed"
begin "$(realpath -m -- "$2")"
start_input_guest --mem 512 --timeout 280 -- "$REPO/tests/guest/inputdev_job.sh" "$BIN" "$OUT/guest"
EVENTS=$SHARE/events.log

MARK=0 # lines of EVENTS that have been looked at
# By libinput, whenever it was.
libinput_says() { grep -qxF -- "$1" "$SHARE/libinput.log"; }
expect_libinput() {
  local line
  for line in "$@"; do wait_for "libinput does not say '$line'" libinput_says "$line"; done
}
seen() { tail -n "+$((MARK + 1))" "$EVENTS" | grep -qxF -- "$1"; }
# expect LINE...: these lines come, in any order; what follows looks behind all that there is then.
expect() {
  local line
  for line in "$@"; do wait_for "'$line' did not come" seen "$line"; done
  MARK=$(wc -l <"$EVENTS")
}
order() { touch "$SHARE/order-$1"; }
KEYBOARD='vdmabuf keyboard and pointer' MOUSE='vdmabuf mouse' SCREEN='vdmabuf touch screen'
nothing_down() {
  order down
  expect "down $KEYBOARD: none" "down $MOUSE: none" "down $SCREEN: none"
}

start_sender

# What they are: for who asks evdev, and for udev.
expect "device $KEYBOARD: serial test, 263 keys, rel 6,8,11,12, abs 0,1, x up to 65535, properties none" \
  "device $MOUSE: serial test, 8 keys, rel 0,1,6,8,11,12, abs none, x up to 0, properties none" \
  "device $SCREEN: serial test, 1 keys, rel none, abs 0,1,47,53,54,57, x up to 65535, properties 1"
sort "$SHARE/kinds.log" | diff - <(printf '%s\n' "$KEYBOARD is KEY" "$KEYBOARD is KEYBOARD" "$KEYBOARD is MOUSE" \
  "$MOUSE is MOUSE" "$SCREEN is TOUCHSCREEN" | sort) || die "udev takes the devices for something else"

expect_libinput "added $KEYBOARD: keyboard pointer" "added $MOUSE: pointer" "added $SCREEN: touch"

say_input 'key 30 1' 'focus 1' 'key 31 1' 'key 31 0'
expect "$KEYBOARD: 1 31 1" "$KEYBOARD: 1 31 0"
! grep -q "$KEYBOARD: 1 30 " "$EVENTS" || die "a key without the focus has come"
say_input 'motion 320 120' 'button 272 1' 'button 272 0' 'wheel 0 60' 'wheel 0 60'
expect "$KEYBOARD: 3 0 32768" "$KEYBOARD: 3 1 16384" "$KEYBOARD: 1 272 1" "$KEYBOARD: 1 272 0" \
  "$KEYBOARD: 2 11 60" "$KEYBOARD: 2 8 1"
say_input 'relative 5 -7' 'button 273 1' 'button 273 0'
expect "$MOUSE: 2 0 5" "$MOUSE: 2 1 -7" "$MOUSE: 1 273 1" "$MOUSE: 1 273 0"
say_input 'touch_down 0 320 240' 'touch_down 1 160 240' 'touch_up 0' 'touch_up 1'
expect "$SCREEN: 3 57 0" "$SCREEN: 3 53 32768" "$SCREEN: 1 330 1" "$SCREEN: 3 47 1" "$SCREEN: 3 57 1" \
  "$SCREEN: 3 57 -1" "$SCREEN: 1 330 0"
expect_libinput 'key 31 1' 'key 31 0' 'pointer at 320 120' 'button 272 1' 'button 272 0' 'scrolled -60' \
  'moved by 5 -7' 'button 273 1' 'button 273 0' 'finger 0 down 320 240' 'finger 1 down 160 240' 'finger 0 up' 'finger 1 up'

say "the focus goes with a key, a button and a finger down"
say_input 'key 42 1' 'motion 0 0' 'button 272 1' 'touch_down 3 1 1'
expect "$KEYBOARD: 1 42 1" "$KEYBOARD: 1 272 1" "$SCREEN: 1 330 1"
say_input 'focus 0'
expect "$KEYBOARD: 1 42 0" "$KEYBOARD: 1 272 0" "$SCREEN: 1 330 0"
nothing_down

say "the broker dies with a key down"
say_input 'focus 1' 'key 29 1' 'touch_down 2 5 5'
expect "$KEYBOARD: 1 29 1" "$SCREEN: 1 330 1"
kill -KILL "$(pgrep -P "$HOST_PID")"
expect "$KEYBOARD: 1 29 0" "$SCREEN: 1 330 0"
wait_for "the sender did not come back" sender_ready 2
nothing_down
say_input 'focus 1' 'key 44 1' 'key 44 0' 'motion 639 479'
expect "$KEYBOARD: 1 44 1" "$KEYBOARD: 1 44 0" "$KEYBOARD: 3 0 65434"

say "the driver goes with a key down"
say_input 'key 56 1'
expect "$KEYBOARD: 1 56 1"
order reload
wait_for "the devices did not come back" test ! -e "$SHARE/order-reload"
wait_for "the devices did not come back" bash -c "[[ \$(grep -c ^device '$EVENTS') == 6 ]]"
MARK=$(wc -l <"$EVENTS")
nothing_down
say_input 'key 57 1'
expect "$KEYBOARD: 1 57 1"

say "the consumer dies with a key down"
kill -KILL "$SENDER_PID"
expect "$KEYBOARD: 1 57 0"
nothing_down

touch "$SHARE/stop"
guest_status || die "the guest's job failed"
expect_no_kernel_reports "$SHARE/guest-dmesg.log" "$SHARE/console.log"
! grep -E 'broke a virtqueue|connection is closed' "$OUT/host.log" || die "a device was broken"
say "input arrived, and nothing stayed down"
