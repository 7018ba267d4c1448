#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# driver_test.sh [--kills N | --faults] --vmm qemu|uml [--kernel 6.1|6.12] --out DIR: the driver's
# tests in a guest, with vdmabufd behind its device. --kills: kills the broker so often meanwhile.
# --faults: fault_test, with fault_host.py behind the device. With VDMABUF_SANITIZED=1 User Mode
# Linux has KASAN and lock checking. Any report of the kernel fails.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
KILLS=0 FAULTS='' OUT='' VMM=uml KERNEL=6.12 PIDS=() BOOT=()
while (($#)); do
  case $1 in
    --kills) KILLS=$2; shift ;;
    --faults) FAULTS=1 ;;
    --vmm) VMM=$2; shift ;;
    --kernel) KERNEL=$2; shift ;;
    --out) OUT=$(realpath -m -- "$2"); shift ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift
done
BOOT=(--vmm "$VMM" --kernel "$KERNEL")
[[ -z ${VDMABUF_SANITIZED:-} ]] || BOOT+=(--sanitized)
[[ $VMM == uml ]] || BOOT+=(--gpu)
[[ -n $OUT ]] || usage_error "--out DIR is needed"
BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}

rm -rf "$OUT"
mkdir -p "$OUT/guest"
# The guest sees this folder wherever the build lies.
TEST=driver_test
[[ -z $FAULTS ]] || TEST=fault_test
cp "$BIN/tests/guest/$TEST" "$OUT/guest/"
SOCKETS=$(mktemp -d)
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$SOCKETS"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

if [[ -n $FAULTS ]]; then
  HOST=(python3 -B "$REPO/tests/guest/fault_host.py" "$SOCKETS/vm.sock")
else
  HOST=("$BIN/runtime/tools/vdmabufd" --vm "test=$SOCKETS/vm.sock")
fi
XDG_RUNTIME_DIR=$SOCKETS setpriv --pdeathsig TERM "${HOST[@]}" >"$OUT/host.log" 2>&1 &
HOST_PID=$!
PIDS+=("$HOST_PID")
for ((i = 0; i < 200; i++)); do
  [[ ! -S $SOCKETS/vm.sock ]] || break
  sleep 0.05
done

# Fences that a test can signal: vgem has them where the kernel has no sw_sync.
JOB='for driver in vgem virtio-gpu; do modprobe $driver 2>/dev/null; done; exec "$@"'
ARGS=()
if [[ -z $FAULTS ]]; then
  build=$KERNEL
  [[ $VMM == qemu ]] || build=uml${VDMABUF_SANITIZED:+-sanitized}
  cp "$("$REPO/scripts/guest/build-module.sh" "$build")" "$OUT/guest/"
  ARGS=(--module "$OUT/guest/virtio_vdmabuf.ko")
fi
((KILLS == 0)) || ARGS=(--restarts --seconds 10 --only 'many threads and channels')
setpriv --pdeathsig TERM "$REPO/scripts/guest/boot.sh" "${BOOT[@]}" --vhost-user "$SOCKETS/vm.sock" \
  --share "$OUT/guest" --timeout 280 -- \
  sh -c "$JOB" sh "$OUT/guest/$TEST" "${ARGS[@]}" \
  >"$OUT/boot.log" 2>&1 &
GUEST=$!
PIDS+=("$GUEST")

for ((i = 0; i < KILLS; )); do
  kill -0 "$GUEST" 2>/dev/null || break
  sleep 0.3
  [[ -f $OUT/guest/guest-started ]] || continue
  broker=$(pgrep -P "$HOST_PID") || continue
  kill -KILL "$broker"
  i=$((i + 1))
done
status=0
wait "$GUEST" || status=$?
cat "$OUT/guest/guest-output.log" 2>/dev/null || cat "$OUT/boot.log"
# Whose dmabufs this kernel has to offer; a test that finds none skips itself.
EXPORTERS=()
[[ $VMM == qemu && $KERNEL == 6.1 ]] || EXPORTERS+=(udmabuf 'the system heap')
[[ $VMM == uml && -z ${VDMABUF_SANITIZED:-} ]] || EXPORTERS+=(vgem)
[[ $VMM == uml ]] || EXPORTERS+=(virtio-gpu)
if [[ -z $FAULTS ]] && ((KILLS == 0)); then
  for exporter in "${EXPORTERS[@]}"; do
    grep -qE "^ok +SHARE of (a )?$exporter('s)? " "$OUT/guest/guest-output.log" ||
      die "no dmabuf of $exporter was shared"
  done
fi
# What virtio_uml itself warns of when its peer goes is not the driver's. Nor is it a mistake that
# two importers map the pages of one dmabuf, which the kernel's checks of DMA take for one.
if grep -hE 'BUG:|KASAN|WARNING:|circular|ODEBUG|Oops|DMA-API: ' "$OUT/guest/"{guest-dmesg,console}.log 2>/dev/null |
  grep -vE 'arch/um/drivers/virtio_uml.c|DMA-API: (preallocated|debugging|Mapped at)' |
  grep -vE 'kernel/dma/debug.c|DMA-API: .*overlapping mappings'; then
  die "the guest's kernel complains; see $OUT/guest/guest-dmesg.log"
fi
# It ends with the guest; what the driver said wrong ends it earlier.
if [[ -n $FAULTS ]] && ! wait "$HOST_PID"; then
  show_tail "$OUT/host.log"
  die "the driver breaks the contract; see $OUT/host.log"
fi
exit "$status"
