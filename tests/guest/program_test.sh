#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# program_test.sh [BOOT-OPTION...] [--mesa 25|26|--weston] --out DIR -- COMMAND [ARG...]: a test
# program that needs another kernel than this one's (6.12 has /dev/udmabuf), in a guest that plays the
# host, with that version of Mesa, or with a Weston that takes dmabufs. BOOT-OPTION: as
# scripts/guest/boot.sh takes them. A test that is skipped there has not been done: it fails.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
LIMIT=500 BOOT=(--vmm qemu --no-module --mem 2048) OUT='' RUN=()
while (($#)); do
  case $1 in
    --mesa) RUN=("$("$REPO/scripts/fetch-mesa.sh" "$2")"); shift ;;
    --weston) RUN=("$("$REPO/scripts/fetch-weston.sh")") ;;
    --out) OUT=$2; shift ;;
    --timeout) LIMIT=$2; shift ;;
    --) shift; break ;;
    *) BOOT+=("$1" "$2"); shift ;;
  esac
  shift
done
[[ -n $OUT && $# -gt 0 ]] || usage_error "--out DIR and a command are needed"

rm -rf "$OUT"
mkdir -p "$OUT"
status=0
"$REPO/scripts/guest/boot.sh" "${BOOT[@]}" --share "$OUT" --timeout "$LIMIT" -- "${RUN[@]}" "$@" || status=$?
cat "$OUT/guest-output.log"
if grep -q '^\[  SKIPPED \]' "$OUT/guest-output.log"; then
  die "tests were skipped in the guest; see $OUT/guest-output.log"
fi
exit "$status"
