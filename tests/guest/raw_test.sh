#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# raw_test.sh [--kills N | --dmabufs | --udmabuf] --local | --vmm qemu|uml [--kernel 6.1|6.12], then
# --out DIR: the examples of raw buffers, raw_producer in a guest (or, with --local, on this kernel)
# and raw_consumer on the host. The consumer maps the buffer before the first frame is drawn and
# compares every frame byte by byte: what it sees was written into the same pages after the
# hand-over. --kills: the broker is killed so often meanwhile; both ends go on by themselves.
# --dmabufs: raw_guest in place of raw_producer: dmabufs of other drivers, and fences. --udmabuf: the
# consumer must get a dmabuf.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
KILLS=0 LOCAL='' DMABUFS='' UDMABUF='' OUT='' PIDS=() BOOT=()
while (($#)); do
  case $1 in
    --kills) KILLS=$2; shift ;;
    --local) LOCAL=1 ;;
    --dmabufs) DMABUFS=1 ;;
    --udmabuf) UDMABUF=1 ;;
    --vmm | --kernel) BOOT+=("$1" "$2"); shift ;;
    --out) OUT=$(realpath -m -- "$2"); shift ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift
done
[[ -n $OUT ]] || usage_error "--out DIR is needed"
BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
FRAMES=500 # long enough for vdmabufctl to look
((KILLS == 0)) || FRAMES=2000

rm -rf "$OUT"
mkdir -p "$OUT/guest"
# The guest sees this folder wherever the build lies. The program finds its library beside it.
cp "$BIN/docs/examples/raw_producer" "$OUT/guest/"
cp -L "$BIN/runtime/api/libvdmabuf-producer.so.0" "$OUT/guest/"
SOCKETS=$(mktemp -d)
export XDG_RUNTIME_DIR=$SOCKETS
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

start host "$BIN/runtime/tools/vdmabufd" --vm "test=$SOCKETS/vm.sock"
HOST_PID=$!
for ((i = 0; i < 200; i++)); do
  [[ ! -S $SOCKETS/vm.sock ]] || break
  sleep 0.05
done
if [[ -n $DMABUFS ]]; then
  # One consumer after the other, as each takes one buffer. raw_guest hears what they say.
  cp "$BIN/tests/guest/raw_guest" "$OUT/guest/"
  start consumer bash -c 'while :; do "$@"; done' bash "$BIN/docs/examples/raw_consumer"
  status=0
  # Fences that a test can signal: vgem has them where the kernel has no sw_sync.
  setpriv --pdeathsig TERM "$REPO/scripts/guest/boot.sh" "${BOOT[@]}" --vhost-user "$SOCKETS/vm.sock" \
    --share "$OUT/guest" --timeout 280 -- sh -c 'modprobe vgem 2>/dev/null; exec "$@"' sh "$OUT/guest/raw_guest" \
    >"$OUT/producer.log" 2>&1 || status=$?
  cat "$OUT/guest/guest-output.log"
  exit "$status"
fi
start consumer "$BIN/docs/examples/raw_consumer" pattern "$OUT/last.ppm"
CONSUMER=$!
if [[ -n $LOCAL ]]; then
  start producer "$OUT/guest/raw_producer" pattern "$FRAMES"
else
  start producer "$REPO/scripts/guest/boot.sh" "${BOOT[@]}" --vhost-user "$SOCKETS/vm.sock" \
    --share "$OUT/guest" --timeout 280 -- "$OUT/guest/raw_producer" pattern "$FRAMES"
fi
PRODUCER=$!

listed=''
killed=0
while kill -0 "$PRODUCER" 2>/dev/null; do
  if "$BIN/runtime/tools/vdmabufctl" list --json >"$OUT/list.json" 2>/dev/null &&
    jq -e '.raw_buffers[] | select(.topic == "pattern" and .receivers == 1)' "$OUT/list.json" \
      >"$OUT/listed.json"; then
    listed=1
    if ((killed < KILLS)) && broker=$(pgrep -P "$HOST_PID"); then
      kill -KILL "$broker"
      killed=$((killed + 1))
      sleep 0.5
    fi
  fi
  sleep 0.05
done

status=0
wait "$PRODUCER" || status=$?
((status == 0)) || { show_tail "$OUT/producer.log"; die "the producer failed ($status)"; }
wait "$CONSUMER" || { show_tail "$OUT/consumer.log"; die "the consumer failed"; }
cat "$OUT/consumer.log"
[[ -z $UDMABUF ]] || grep -q "^as a dmabuf$" "$OUT/consumer.log" || die "it came as no dmabuf"
# Where it came from, and that the broker knew of it.
origin='test/raw_producer'
[[ -z $LOCAL ]] || origin='raw_producer'
grep -q "^offered by $origin (process" "$OUT/consumer.log" || die "not offered by $origin"
grep -qE ' 0 bytes differ$' "$OUT/consumer.log" || die "the consumer has seen something else"
((KILLS == 0)) || ((killed == KILLS)) || die "the broker was killed $killed times only"
((killed == 0)) || grep -q '^the broker has gone' "$OUT/consumer.log" || die "nobody noticed"
if ((KILLS == 0)); then
  grep -q "^$FRAMES frames, 0 bytes" "$OUT/consumer.log" || die "not every frame has come"
fi
[[ -n $listed || -n $LOCAL ]] || die "vdmabufctl does not list the buffer"
[[ -s $OUT/last.ppm ]] || die "there is no picture"
if grep -hE 'BUG:|KASAN|WARNING:|circular|ODEBUG|Oops|DMA-API: ' "$OUT/guest/"{guest-dmesg,console}.log 2>/dev/null |
  grep -vE 'arch/um/drivers/virtio_uml.c|kernel/dma/debug.c|DMA-API: (preallocated|debugging|Mapped at)'; then
  die "the guest's kernel complains; see $OUT/guest/guest-dmesg.log"
fi
