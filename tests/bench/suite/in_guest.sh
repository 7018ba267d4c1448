#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# in_guest.sh PORT MODULES: a guest's side of guest_peers.py. Brings up the network that QEMU makes for its
# user, then runs the lines that come from the host's port, one by one: each one's answer is a line, its exit
# status and output.
set -uo pipefail
PORT=$1 MODULES=$2
modprobe -d "$MODULES" virtio_net || exit 1
busybox ip link set eth0 up && busybox ip addr add 10.0.2.15/24 dev eth0 || exit 1
modprobe virtio-gpu || exit 1
exec 3<>"/dev/tcp/10.0.2.2/$PORT" || exit 1
while IFS= read -r -u 3 line; do
  eval "$line" >/tmp/answer
  status=$?
  output=$(</tmp/answer)
  printf '%s %s\n' "$status" "${output//$'\n'/ }" >&3
done
