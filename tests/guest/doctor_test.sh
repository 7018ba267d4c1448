#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# doctor_test.sh --vmm uml|qemu --out DIR: `vdmabufctl doctor` in a real guest, where everything
# works, and where the device is not for the user, the module is not loaded, or the host does not
# answer. It must say what is so, and what to do.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
# shellcheck source=tests/guest/host.sh
. "$REPO/tests/guest/host.sh"
[[ $# == 4 && $1 == --vmm && $3 == --out ]] || usage_error "--vmm uml|qemu --out DIR"

begin "$4"
start_vdmabufd
start_guest --vmm "$2" --timeout 300 -- "$REPO/tests/guest/doctor_job.sh" "$BIN/runtime/tools" "$OUT/guest"
for ((i = 0; i < 3000; i++)); do
  [[ ! -e $OUT/guest/stop ]] || break
  kill -0 "$GUEST" 2>/dev/null || break
  sleep 0.1
done
# Both of its processes: the keeper would start another broker.
broker=$(pgrep -P "$HOST_PID") || true
kill -STOP "$HOST_PID" ${broker:+"$broker"} 2>/dev/null || true
touch "$OUT/guest/stopped"
# It goes on before the guest is switched off, which needs an answer.
for ((i = 0; i < 600; i++)); do
  [[ ! -e $OUT/guest/guest-rc ]] || break
  kill -0 "$GUEST" 2>/dev/null || break
  sleep 0.1
done
kill -CONT ${broker:+"$broker"} "$HOST_PID" 2>/dev/null || true
guest_status
