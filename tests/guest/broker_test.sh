#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# broker_test.sh --kernel 6.12 --out DIR: the unit tests that need what this machine's kernel may
# lack (/dev/udmabuf, vgem's fences, huge pages), inside of a guest that has it all. None may be
# skipped there.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ $# == 4 && $1 == --kernel && $3 == --out ]] || usage_error "see the first lines of $0"
KERNEL=$2 OUT=$4
UNIT=${VDMABUF_BUILD_DIR:-$BUILD/release}/tests/unit
mkdir -p "$OUT"

# shellcheck disable=SC2016 # expanded in the guest
JOB='modprobe vgem || exit 1
failed=0
for program; do "$program" --gtest_filter="Udmabuf*:*OfDmabuf*" || failed=1; done
exit $failed'
status=0
"$REPO/scripts/guest/boot.sh" --vmm qemu --kernel "$KERNEL" --no-module --share "$OUT/guest" \
  --timeout 240 --env VDMABUF_TEST_NEEDS_UDMABUF=1 -- \
  bash -c "$JOB" job "$UNIT/broker/broker_test" "$UNIT/broker/broker_session_test" \
  "$UNIT/producer/producer_test" || status=$?
cat "$OUT/guest/guest-output.log"
((status == 0)) || die "the tests failed in the guest"
! grep -q SKIPPED "$OUT/guest/guest-output.log" || die "a test was skipped in the guest"
(($(grep -c 'PASSED' "$OUT/guest/guest-output.log") == 3)) || die "a program did not run its tests"
if grep -hE 'BUG:|WARNING:|Oops' "$OUT/guest/"{guest-dmesg,console}.log; then
  die "the guest's kernel complains; see $OUT/guest/guest-dmesg.log"
fi
