#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# vm_in_guest.sh BUILD-DIR OUT-DIR: the whole chain on a host that has /dev/udmabuf, with nothing in
# it made for tests: stock QEMU, stock kernels, the driver in the VM, broker and viewer. Run by
# nested_test.sh inside of a guest that plays this host. The consumer must have taken the udmabuf path, and the
# picture that it drew must be the one that was painted inside of the VM.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
BIN=$1 OUT=$2
TOOLS=$BIN/runtime/tools
FRAMES=20
[[ -c /dev/udmabuf ]] || die "this kernel has no /dev/udmabuf"
export XDG_RUNTIME_DIR=/run/user/0
INNER=/run/inner # 9p over 9p cannot write

"$TOOLS/vdmabufd" --vm "inner=$XDG_RUNTIME_DIR/vm.sock" >"$OUT/vdmabufd.log" 2>&1 &
for ((i = 0; i < 600; i++)); do [[ ! -S $XDG_RUNTIME_DIR/vm.sock ]] || break; sleep 0.1; done
"$TOOLS/vdmabuf-viewer" --headless --frames "$FRAMES" --screenshot "$OUT/frame.png" \
  --stats "$OUT/viewer.json" >"$OUT/viewer.log" 2>&1 &
viewer=$!
say "booting a VM in the guest"
"$REPO/scripts/guest/boot.sh" --vmm qemu --kernel 6.12 --accel tcg --mem 512 --smp 1 --boot-limit 900 \
  --vhost-user "$XDG_RUNTIME_DIR/vm.sock" --share "$INNER" --timeout 1200 -- \
  "$BIN/tests/runtime/viewer/pattern_app" --width 320 --height 240 --pitch 1536 --frames $((FRAMES + 10)) ||
  { cp "$INNER"/*.log "$OUT/" || true; die "the VM did not do its work"; }
say "the VM has ended"
wait "$viewer" || { show_tail "$OUT/viewer.log"; die "the viewer failed"; }
