#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weston_input_test.sh --out DIR: a VM's input devices under Weston in the guest: what its client hears.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
# shellcheck source=tests/guest/host.sh
. "$REPO/tests/guest/host.sh"
# shellcheck source=tests/guest/input.sh
. "$REPO/tests/guest/input.sh"
[[ $# == 2 && $1 == --out ]] || usage_error "--out DIR is needed"
begin "$(realpath -m -- "$2")"
start_input_guest --gpu --mem 1024 --timeout 280 -- "$REPO/tests/guest/weston_input_job.sh" "$BIN" "$OUT/guest"
start_sender
hears() { grep -qE -- "$1" "$SHARE/client.log"; }
# expect INPUT REGEX: what the client has to say of it.
expect() {
  say_input "$1"
  wait_for "the client does not hear of '$1'" hears "$2"
}
wait_for "the client has no window" hears '^focus '
say_input 'focus 1'
# Weston looks for what is under the pointer once it has drawn it.
moves() {
  say_input 'motion 300 200'
  sleep 0.1
  say_input 'motion 310 210'
  hears '^motion'
}
wait_for "the pointer does not come to the client" moves
# The window fills the screen of 1280 x 800, and stands for one of 640 x 480.
expect 'motion 100 120' '^motion .* x: 200.0+, y: 200.0'
expect 'button 272 1' '^button .*button: 272, state: pressed, x: 200, y: 200'
expect 'button 272 0' '^button .*button: 272, state: released'
expect 'wheel 0 120' '^axis discrete axis: 0 value: -1'
expect 'key 30 1' 'key: 30, unicode: 97, state: pressed'
expect 'key 30 0' 'key: 30, unicode: 97, state: released'
expect 'relative 50 0' '^motion .* x: 2[1-9][0-9][.].*, y: 200.0'
expect 'key 48 1' 'key: 48, unicode: 98, state: pressed'
expect 'focus 0' 'key: 48, unicode: 98, state: released'
touch "$SHARE/stop"
guest_status || die "the guest's job failed"
cat "$SHARE/client.log"
