#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# stress_test.sh [--vmm qemu|uml] [--kernel 6.1|6.12|7] [--seconds N] [--seed N] --out DIR: eight
# processes do random things with the driver's device, vdmabufd is behind it. With
# VDMABUF_SANITIZED=1: in User Mode Linux with KASAN, lock checking, calls that fail inside of the
# kernel and a search for leaks, for 120 s. Any report of the kernel fails.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
# shellcheck source=tests/guest/host.sh
. "$REPO/tests/guest/host.sh"
VMM=uml KERNEL=6.12 LENGTH=12 OUT='' ARGS=()
if [[ -n ${VDMABUF_SANITIZED:-} ]]; then
  LENGTH=120
  ARGS+=(--inject --leaks)
fi
while (($#)); do
  case $1 in
    --vmm) VMM=$2 ;;
    --kernel) KERNEL=$2 ;;
    --seconds) LENGTH=$2 ;;
    --seed) ARGS+=(--seed "$2") ;;
    --out) OUT=$(realpath -m -- "$2") ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift 2
done
[[ -n $OUT ]] || usage_error "--out DIR is needed"

begin "$OUT"
cp "$BIN/tests/guest/stress_test" "$OUT/guest/"
start_vdmabufd
start_guest --vmm "$VMM" --kernel "$KERNEL" --timeout $((LENGTH + 240)) -- \
  "$OUT/guest/stress_test" "${ARGS[@]}" --seconds "$LENGTH"
status=0
guest_status || status=$?
expect_no_kernel_reports "$OUT/guest/"{guest-dmesg,console}.log
kill -0 "$HOST_PID" || die "the host has ended; see $OUT/host.log"
exit "$status"
