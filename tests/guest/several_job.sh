#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# several_job.sh PROGRAM VM: of several_test.sh, three apps at once, until it is ended.
set -euo pipefail
PROGRAM=$1 VM=$2
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
trap 'exit 143' TERM
for ((app = 1; app <= 3; app++)); do
  "$PROGRAM" --title "vm$VM app$app" --width $((160 + 40 * app)) --height $((100 + 20 * VM + 20 * app)) \
    --first $(((VM * 8 + app) * 16777216)) --hz 20 &
done
wait
