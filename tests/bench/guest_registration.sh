#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# guest_registration.sh BUILD-DIR OUT-DIR [ROUNDS [uml|qemu]]: guest_registration_bench in a guest, by
# default of User Mode Linux, which runs at nearly the machine's own speed without KVM; its JSON on
# standard output, with the path by which the consumer on the host imported. The memory of a guest of
# QEMU can be a udmabuf on a host that has these (registration_by_udmabuf.sh).
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
BIN=$1 OUT=$2 ROUNDS=${3:-50} VMM=${4:-uml}
TOOLS=$BIN/runtime/tools
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd -P)
SOCKETS=$(mktemp -d)
PIDS=()
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$SOCKETS"
}
trap cleanup EXIT
export XDG_RUNTIME_DIR=$SOCKETS
# The guest's memory is to be cut into pieces that are buffers each.
"$TOOLS/vdmabufd" --vm "bench=$SOCKETS/vm.sock" --vm-limit bench:buffers=1000000,bytes=8G >"$OUT/vdmabufd.log" 2>&1 &
PIDS+=($!)
for ((i = 0; i < 200; i++)); do [[ ! -S $SOCKETS/vm.sock ]] || break; sleep 0.05; done
"$TOOLS/vdmabuf-viewer" --headless --refresh 0 >"$OUT/viewer.log" 2>&1 &
PIDS+=($!)

# Loaded by the command itself, with limits that let one program take all the memory.
kernel=uml guest=(--vmm uml --timeout 120) reserve=32
# Debian's kernel keeps more for itself, and looks for memory to reclaim and to put together before that is used up:
# that is not to be measured.
[[ $VMM == uml ]] || kernel=6.12 reserve=128 guest=(--vmm qemu --kernel 6.12 --accel tcg --smp 1 --boot-limit 600 --timeout 900)
module=$("$REPO/scripts/guest/build-module.sh" "$kernel")
cp "$module" "$OUT/driver.ko"
"$REPO/scripts/guest/boot.sh" "${guest[@]}" --no-module --mem 768 --vhost-user "$SOCKETS/vm.sock" --share "$OUT" \
  -- sh -c '
    for needed in $(modinfo -F depends "$1" | tr , " "); do modprobe "$needed" || exit 1; done
    ! [ -e /proc/sys/vm/compaction_proactiveness ] || echo 0 >/proc/sys/vm/compaction_proactiveness
    echo 4096 >/proc/sys/vm/min_free_kbytes
    insmod "$1" max_channel_buffers=1000000 max_channel_mb=4096 max_device_mb=4096 || exit 1
    shift
    exec "$@"' sh "$OUT/driver.ko" "$BIN/tests/bench/guest_registration_bench" --rounds "$ROUNDS" --reserve-mib "$reserve" \
  >"$OUT/boot.log" 2>&1 ||
  { show_tail "$OUT/boot.log"; show_tail "$OUT/guest-output.log"; die "the measurement in the guest failed; see $OUT"; }
path=$(sed -nE 's/.*imported by ([a-z-]+) in.*/\1/p' "$OUT/viewer.log" | tail -n 1)
jq --arg path "${path:-unknown}" '. + {path: $path}' "$OUT/guest-output.log"
