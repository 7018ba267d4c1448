#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# registration_by_udmabuf.sh BUILD-DIR OUT-DIR [ROUNDS]: guest_registration.sh in one piece where this machine has no
# /dev/udmabuf: a User Mode Linux guest that has it plays the host, with Mesa 25, and runs a guest of QEMU. Its JSON
# on standard output. Emulated, and on one processor: the ratio counts, not the times.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
BIN=$(realpath -- "$1") OUT=$2 ROUNDS=${3:-9}
"$REPO/scripts/guest/boot.sh" --vmm qemu --kernel 6.12 --prepare
mkdir -p "$OUT"
# /run: what a guest writes for its own guest must lie in its memory.
"$REPO/tests/guest/program_test.sh" --vmm uml --mem 3072 --mesa 25 --timeout 1200 --out "$OUT" -- \
  "$REPO/tests/bench/guest_registration.sh" "$BIN" /run/inner "$ROUNDS" qemu >"$OUT/run.log" 2>&1 ||
  { show_tail "$OUT/guest-output.log" 60; die "the measurement in a guest of a guest failed; see $OUT"; }
sed -n '/^{/,$p' "$OUT/guest-output.log"
