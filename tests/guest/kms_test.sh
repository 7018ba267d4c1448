#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kms_test.sh --out DIR: vdmabuf-viewer --kms in a guest with a virtio-gpu and no display server. What
# QEMU's screen shows is the frame, pixel by pixel.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ $# == 2 && $1 == --out ]] || usage_error "--out DIR is needed"
OUT=$2 BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
rm -rf "$OUT"
mkdir -p "$OUT"
mesa=$("$REPO/scripts/fetch-mesa.sh" 25) # which imports dmabufs, so that the controller is offered one
sockets=$(mktemp -d)
guest=''
trap '[[ -z $guest ]] || kill "$guest" 2>/dev/null || true; wait; rm -rf "$sockets"' EXIT
"$REPO/scripts/guest/boot.sh" --vmm qemu --no-module --gpu --qmp "$sockets/qmp" --mem 1536 --timeout 400 --share "$OUT" \
  -- "$mesa" bash -c 'modprobe virtio-gpu && exec "$@"' bash "$REPO/tests/guest/kms_job.sh" "$BIN" "$OUT" >"$OUT/boot.log" 2>&1 &
guest=$!
for ((i = 0; i < 4000; i++)); do
  [[ ! -e $OUT/shown ]] || break
  kill -0 "$guest" 2>/dev/null || break
  sleep 0.1
done
[[ -e $OUT/shown ]] || { show_tail "$OUT/guest-output.log"; show_tail "$OUT/boot.log"; die "nothing was shown"; }
python3 - "$sockets/qmp" "$OUT/screen.png" <<'END'
import json, socket, sys
qmp = socket.socket(socket.AF_UNIX)
qmp.connect(sys.argv[1])
lines = qmp.makefile("rw")
lines.readline()
for command in ({"execute": "qmp_capabilities"},
                {"execute": "screendump", "arguments": {"filename": sys.argv[2], "format": "png"}}):
    lines.write(json.dumps(command) + "\n")
    lines.flush()
    while True:
        answer = json.loads(lines.readline())
        if "error" in answer:
            sys.exit(f"{command['execute']}: {answer['error']['desc']}")
        if "return" in answer:
            break
END
touch "$OUT/seen"
status=0
wait "$guest" || status=$?
guest=''
((status == 0)) || { show_tail "$OUT/guest-output.log"; show_tail "$OUT/still.log"; die "the guest's job ended with $status"; }
"$BIN/tests/tools/compare_png" "$OUT/screen.png" "$OUT/still.png" --mean 0
jq -e '.frames_shown == 1' "$OUT/still.json" >/dev/null || { jq . "$OUT/still.json"; die "the frame was not shown"; }
jq -e '.frames_shown >= 3 and .frames_timed_by_display >= 2' "$OUT/moving.json" >/dev/null || { jq . "$OUT/moving.json"; die "frames were not shown"; }
# virtio-gpu of this kernel takes no dmabufs of others, and that is said.
grep -q 'frames are copied to the screen' "$OUT/still.log" || { cat "$OUT/still.log"; die "no dmabuf was tried"; }
cat "$OUT"/{still,moving}.log
