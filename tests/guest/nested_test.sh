#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# nested_test.sh --out DIR: a guest plays the host and runs a VM (vm_in_guest.sh), so that a real
# QEMU's memory becomes real udmabufs. Emulated twice without KVM: minutes.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ $# == 2 && $1 == --out ]] || usage_error "--out DIR is needed"
OUT=$2
BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
"$REPO/tests/guest/program_test.sh" --kernel 6.12 --mem 3072 --mesa 25 --timeout 1500 --out "$OUT" -- \
  "$REPO/tests/guest/vm_in_guest.sh" "$BIN" "$OUT"

# The same frame of the same picture on this kernel, to compare with.
frame=$(jq -e .last_serial "$OUT/viewer.json")
export XDG_RUNTIME_DIR=$OUT/run
mkdir -p -m 700 "$XDG_RUNTIME_DIR"
"$BIN/runtime/tools/vdmabufd" >"$OUT/local-vdmabufd.log" 2>&1 &
daemon=$!
trap 'kill $daemon; wait' EXIT
for ((i = 0; i < 200; i++)); do [[ ! -S $XDG_RUNTIME_DIR/vdmabuf/producer.sock ]] || break; sleep 0.05; done
"$BIN/runtime/tools/vdmabuf-viewer" --headless --frames "$frame" --screenshot "$OUT/local.png" \
  >"$OUT/local-viewer.log" 2>&1 &
viewer=$!
# Before it has come, frames go by.
for ((i = 0; i < 200; i++)); do ! grep -q 'has come' "$OUT/local-vdmabufd.log" || break; sleep 0.05; done
"$BIN/tests/runtime/viewer/pattern_app" --endpoint "$XDG_RUNTIME_DIR/vdmabuf/producer.sock" --width 320 --height 240 \
  --frames $((frame + 10)) >/dev/null
wait "$viewer"
say "frame $frame, out of the VM and painted here:"
"$BIN/tests/tools/compare_png" "$OUT/frame.png" "$OUT/local.png"

expect() { # JQ-CONDITION
  jq -e "$1" "$OUT/viewer.json" >/dev/null || { jq . "$OUT/viewer.json" >&2; die "viewer.json: not true: $1"; }
}
expect '.frames_received >= 20'
expect '.import_path == "udmabuf"'
expect '.cpu_copied_bytes_per_frame == 0'
