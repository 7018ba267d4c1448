# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by tests of a VM's input devices, after host.sh.

# start_input_guest OPTION-OF-BOOT... -- COMMAND...: a host with sockets for input, and a QEMU that has all
# three devices. Sets SHARE.
start_input_guest() {
  local words=() i
  SHARE=$OUT/guest
  start_host "$BIN/runtime/tools/vdmabufd" --vm "test=$SOCKETS/vm.sock" --vm-input "test=$SOCKETS/in.sock"
  for i in 1 2 3; do
    words+=(--qemu -chardev --qemu "socket,id=vin$i,path=$SOCKETS/in.sock"
      --qemu -device --qemu "vhost-user-input-pci,chardev=vin$i")
  done
  start_guest --vmm qemu "${words[@]}" "$@"
}

# wait_for WHAT COMMAND...: until the command succeeds; else the test has failed because of WHAT.
wait_for() {
  local what=$1 i log
  shift
  for ((i = 0; i < 2400; i++)); do
    ! "$@" 2>/dev/null || return 0
    kill -0 "$GUEST" 2>/dev/null || break
    sleep 0.1
  done
  for log in "$OUT"/{boot,host}.log "$SHARE"/*.log; do show_tail "$log"; done
  die "$what"
}

# A consumer for the one stream, which says what it is told to. Sets SENDER_PID.
start_sender() {
  mkfifo "$SOCKETS/input"
  "$BIN/tests/guest/send_input" "$SOCKETS/vdmabuf/consumer.sock" <"$SOCKETS/input" >"$OUT/sender.log" 2>&1 &
  SENDER_PID=$!
  PIDS+=("$SENDER_PID")
  exec {SENDER}>"$SOCKETS/input"
  wait_for "the stream takes no input" sender_ready 1
}
# sender_ready N: it has attached to so many streams, one after the other.
sender_ready() { [[ $(grep -cx ready "$OUT/sender.log") == "$1" ]]; }
say_input() { printf '%s\n' "$@" >&"$SENDER"; }
