#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes DIR/report.json of what the viewer measured (DIR/viewer.json) and what
# was booted (DIR/guest/boot.json), says the main figures, and succeeds only if
# frames arrived and the picture is not blank.
#
# Usage: scripts/demo-report.sh vm|local DIR
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
esac
(($# == 2)) || usage_error "a mode and a folder are needed"
MODE=$1 OUT=$2
need_commands jq

[[ -s $OUT/viewer.json ]] || die "the viewer wrote no figures"
[[ -s $OUT/frame.png ]] || die "the viewer wrote no picture"
boot='{}'
[[ $MODE == local ]] || boot=$(cat "$OUT/guest/boot.json")
jq --arg mode "$MODE" --argjson boot "$boot" '{
    mode: $mode,
    accel: ($boot.accel // null),
    qemu: ($boot.qemu // null | if . == "" then null else . end),
    guest_kernel: ($boot.guest_kernel // null),
    app, width, height, frames_presented, frames_received, import_path,
    cpu_copied_bytes_per_frame, present_to_received_us, frames_per_second
  }' "$OUT/viewer.json" >"$OUT/report.json"

say "$(jq -r '"\(.frames_received) of \(.frames_presented) frames arrived (\(.width)x\(.height), " +
  "\(.frames_per_second // 0 | . * 10 | round / 10) a second), import path \(.import_path), " +
  "\(.cpu_copied_bytes_per_frame) bytes a frame copied by a CPU"' "$OUT/report.json")"
jq -e '.frames_received > 0' "$OUT/viewer.json" >/dev/null || die "no frame arrived"
jq -e '.blank == false' "$OUT/viewer.json" >/dev/null || die "the picture is blank"
