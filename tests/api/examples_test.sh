#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# examples_test.sh --out DIR: stream_consumer, with a program on this kernel that presents a picture.
# The saved frame must be that picture. Then input_consumer: the program hears what it types.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ ${1:-} == --out ]] || usage_error "--out DIR is needed"
OUT=$(realpath -m -- "$2")
BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
rm -rf "$OUT"
mkdir -p "$OUT"
SOCKETS=$(mktemp -d)
export XDG_RUNTIME_DIR=$SOCKETS
PIDS=()
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$SOCKETS"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP
start() { # NAME COMMAND...: in the background, its output in OUT/NAME.log
  local name=$1
  shift
  setpriv --pdeathsig TERM "$@" >"$OUT/$name.log" 2>&1 &
  PIDS+=($!)
}

start host "$BIN/runtime/tools/vdmabufd"
start consumer "$BIN/docs/examples/stream_consumer" "$OUT/frame.ppm" 5
CONSUMER=$!
for ((i = 0; i < 200; i++)); do
  [[ ! -S $SOCKETS/vdmabuf/producer.sock ]] || break
  sleep 0.05
done
start app "$BIN/tests/runtime/viewer/pattern_app" --endpoint "$SOCKETS/vdmabuf/producer.sock" \
  --width 300 --height 200 --title 'an example'
wait "$CONSUMER" || { show_tail "$OUT/consumer.log"; die "stream_consumer failed"; }
cat "$OUT/consumer.log"
grep -qE '^stream [0-9]+: pattern_app "an example" 300x200$' "$OUT/consumer.log" || die "no such stream"
grep -qE '^image [0-9]+: 300x200 XR24, pitch [0-9]+, (runs|dmabuf)$' "$OUT/consumer.log" || die "no image"
python3 -B "$REPO/tests/api/compare_ppm.py" "$OUT/frame.ppm" 300 200 "$(sed -n "s/^frame \([0-9]*\) saved$/\1/p" "$OUT/consumer.log")"

kill "${PIDS[-1]}"
wait "${PIDS[-1]}" 2>/dev/null || true
start typed "$BIN/tests/runtime/viewer/pattern_app" --endpoint "$SOCKETS/vdmabuf/producer.sock" --once --cursor 24 \
  --width 300 --height 200 --title 'typed into'
start input "$BIN/docs/examples/input_consumer"
wait "${PIDS[-1]}" || { show_tail "$OUT/input.log"; die "input_consumer failed"; }
cat "$OUT/input.log"
grep -qx 'typing into "typed into"' "$OUT/input.log" || die "no such window"
grep -qx 'the cursor has 24x24 pixels and points with 2,1' "$OUT/input.log" || die "no cursor"
for ((i = 0; i < 200; i++)); do
  ! grep -q '^input kind 1 code 0 value 0' "$OUT/typed.log" || break
  sleep 0.05
done
diff <(grep '^input' "$OUT/typed.log") - <<'END' || die "the app has heard something else"
input kind 1 code 0 value 1 at 0,0 of 300x200
input kind 5 code 0 value 0 at 38400,25600 of 300x200
input kind 4 code 272 value 1 at 0,0 of 300x200
input kind 4 code 272 value 0 at 0,0 of 300x200
input kind 3 code 35 value 1 at 0,0 of 300x200
input kind 3 code 35 value 0 at 0,0 of 300x200
input kind 3 code 23 value 1 at 0,0 of 300x200
input kind 3 code 23 value 0 at 0,0 of 300x200
input kind 1 code 0 value 0 at 0,0 of 1x1
END

# And in a window of a program that draws by itself.
kill "${PIDS[-2]}"
wait "${PIDS[-2]}" 2>/dev/null || true
start window env VDMABUF_ENDPOINT="unix:$SOCKETS/vdmabuf/producer.sock" "$BIN/docs/examples/window_producer"
start input2 "$BIN/docs/examples/input_consumer"
wait "${PIDS[-1]}" || { show_tail "$OUT/input2.log"; die "input_consumer failed"; }
for ((i = 0; i < 200; i++)); do
  ! grep -q '^focus 0' "$OUT/window.log" || break
  sleep 0.05
done
diff "$OUT/window.log" - <<'END' || die "the window has heard something else"
focus 1
pointer at 160,120
button 272 is down
button 272 is up
key 35
key 23
focus 0
END
