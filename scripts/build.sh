#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Configures and builds a preset of CMakePresets.json, with progress.
#
# Usage: scripts/build.sh PRESET [TARGET...]
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  '' | -*) usage_error "the name of a preset is needed, such as release" ;;
esac
PRESET=$1
shift
LOG=$BUILD/build-$PRESET.log
need_commands cmake ninja
mkdir -p "$BUILD"
cd "$REPO"

# Every 25th step as a line of progress; all of the output to the log.
progress() {
  local line number=0
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$LOG"
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    number=${BASH_REMATCH[1]}
    ((number % 25)) || say "  step $number of ${BASH_REMATCH[2]}"
  done
}

lock "build-$PRESET"
# Without a network the layer is built with the headers of the system.
"$REPO/scripts/fetch-vulkan-headers.sh" || say "going on with the Vulkan headers of the system"
say "configuring ($PRESET)"
cmake --preset "$PRESET" >"$LOG" 2>&1 ||
  { show_tail "$LOG" 30; die "the configuration failed; all messages: $LOG"; }
say "building ($PRESET)"
targets=()
(($# == 0)) || targets=(--target "$@")
cmake --build --preset "$PRESET" "${targets[@]}" 2>&1 | progress ||
  { show_tail "$LOG" 40; die "the build failed; all messages: $LOG"; }
