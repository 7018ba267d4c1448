#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# driver_test.sh [--kills N | --faults] --vmm qemu|uml [--kernel 6.1|6.12|7] --out DIR: the driver's
# tests in a guest, with vdmabufd behind its device. --kills: kills the broker so often meanwhile.
# --faults: fault_test, with fault_host.py behind the device. With VDMABUF_SANITIZED=1 User Mode
# Linux has KASAN and lock checking. Any report of the kernel fails.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
# shellcheck source=tests/guest/host.sh
. "$REPO/tests/guest/host.sh"
KILLS=0 FAULTS='' OUT='' VMM=uml KERNEL=6.12
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
[[ -n $OUT ]] || usage_error "--out DIR is needed"

begin "$OUT"
TEST=driver_test ARGS=()
[[ -z $FAULTS ]] || TEST=fault_test
# The guest sees this folder wherever the build lies.
cp "$BIN/tests/guest/$TEST" "$OUT/guest/"
if [[ -n $FAULTS ]]; then
  start_fault_host
else
  start_vdmabufd
  build=$KERNEL
  [[ $VMM == qemu ]] || build=uml${VDMABUF_SANITIZED:+-sanitized}
  cp "$("$REPO/scripts/guest/build-module.sh" "$build")" "$OUT/guest/"
  ARGS=(--module "$OUT/guest/virtio_vdmabuf.ko")
fi
((KILLS == 0)) || ARGS=(--restarts --seconds 10 --only 'many threads and channels')
BOOT=(--vmm "$VMM" --kernel "$KERNEL")
[[ $VMM == uml ]] || BOOT+=(--gpu)
start_guest "${BOOT[@]}" --timeout 280 -- "$OUT/guest/$TEST" "${ARGS[@]}"

for ((i = 0; i < KILLS; )); do
  kill -0 "$GUEST" 2>/dev/null || break
  sleep 0.3
  [[ -f $OUT/guest/guest-started ]] || continue
  broker=$(pgrep -P "$HOST_PID") || continue
  kill -KILL "$broker"
  i=$((i + 1))
done
status=0
guest_status || status=$?

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
expect_no_kernel_reports "$OUT/guest/"{guest-dmesg,console}.log
# It ends with the guest; what the driver said wrong ends it earlier.
if [[ -n $FAULTS ]] && ! wait "$HOST_PID"; then
  show_tail "$OUT/host.log"
  die "the driver breaks the contract; see $OUT/host.log"
fi
exit "$status"
