# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by tests that run one guest: the host behind its device, and what its kernel has to say.
# Needs scripts/common.sh.

BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
PIDS=() # ended with the test

# begin DIR: an empty folder for the test, with DIR/guest for the guest. Sets OUT and SOCKETS.
begin() {
  OUT=$1
  rm -rf "$OUT"
  mkdir -p "$OUT/guest"
  SOCKETS=$(mktemp -d)
  trap end EXIT
  trap 'exit 143' TERM INT HUP
}

end() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$SOCKETS"
}

# start_host COMMAND...: what serves $SOCKETS/vm.sock; returns when it does. Sets HOST_PID.
start_host() {
  local i
  XDG_RUNTIME_DIR=$SOCKETS setpriv --pdeathsig TERM "$@" >"$OUT/host.log" 2>&1 &
  HOST_PID=$!
  PIDS+=("$HOST_PID")
  for ((i = 0; i < 200; i++)); do
    [[ ! -S $SOCKETS/vm.sock ]] || return 0
    sleep 0.05
  done
  show_tail "$OUT/host.log"
  die "the host does not start"
}

start_vdmabufd() { start_host "$BIN/runtime/tools/vdmabufd" --vm "test=$SOCKETS/vm.sock"; }
start_fault_host() { start_host python3 -B "$REPO/tests/guest/fault_host.py" "$SOCKETS/vm.sock"; }

# start_guest OPTION-OF-BOOT... -- COMMAND...: in the background, with vgem loaded where it is a
# module (for fences that a test signals), and virtio-gpu. Sets GUEST.
start_guest() {
  local -a options=()
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  shift
  [[ -z ${VDMABUF_SANITIZED:-} ]] || options+=(--sanitized)
  setpriv --pdeathsig TERM "$REPO/scripts/guest/boot.sh" "${options[@]}" \
    --vhost-user "$SOCKETS/vm.sock" --share "$OUT/guest" -- \
    sh -c 'for driver in vgem virtio-gpu; do modprobe $driver 2>/dev/null; done; exec "$@"' sh "$@" \
    >"$OUT/boot.log" 2>&1 &
  GUEST=$!
  PIDS+=("$GUEST")
}

# guest_status: waits for the guest's end, shows its output, and returns its status.
guest_status() {
  local status=0
  wait "$GUEST" || status=$?
  cat "$OUT/guest/guest-output.log" 2>/dev/null || cat "$OUT/boot.log"
  return "$status"
}

# expect_no_kernel_reports LOG...: fails on any report of a guest's kernel in these files. What
# virtio_uml itself warns of when its peer goes is not the driver's. Nor is it a mistake that two
# importers map the pages of one dmabuf, or that a list's head lies in no aligned structure, which
# the kernel's checks of DMA and of alignment take for one.
expect_no_kernel_reports() {
  if grep -hE 'BUG:|KASAN|UBSAN|WARNING:|INFO: task|circular|ODEBUG|Oops|DMA-API: ' "$@" 2>/dev/null |
    grep -vE 'arch/um/drivers/virtio_uml.c|DMA-API: (preallocated|debugging|Mapped at)' |
    grep -vE 'kernel/dma/debug.c|DMA-API: .*overlapping mappings|UBSAN: misaligned-access'; then
    die "the guest's kernel complains; see $*"
  fi
}
