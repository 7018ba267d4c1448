#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# unplug_test.sh --vmm qemu|uml [--kernel 6.1|6.12|7] --out DIR: the device is taken out of a running
# guest while everything of it is in use: QEMU unplugs it and plugs it again, some times; User Mode
# Linux takes it out when its host dies. With VDMABUF_SANITIZED=1 that kernel has KASAN and lock
# checking.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
ROUNDS=4
VMM='' KERNEL=6.12 OUT='' PIDS=()
while (($#)); do
  case $1 in
    --vmm) VMM=$2 ;;
    --kernel) KERNEL=$2 ;;
    --out) OUT=$(realpath -m -- "$2") ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift 2
done
[[ -n $OUT && -n $VMM ]] || usage_error "--vmm and --out are needed"
BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
LOG=$OUT/guest/guest-output.log

rm -rf "$OUT"
mkdir -p "$OUT/guest"
cp "$BIN/tests/guest/driver_test" "$OUT/guest/"
SOCKETS=$(mktemp -d)
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$SOCKETS"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

XDG_RUNTIME_DIR=$SOCKETS setpriv --pdeathsig TERM "$BIN/runtime/tools/vdmabufd" --vm "test=$SOCKETS/vm.sock" \
  >"$OUT/host.log" 2>&1 &
HOST=$!
PIDS+=("$HOST")
for ((i = 0; i < 200; i++)); do
  [[ ! -S $SOCKETS/vm.sock ]] || break
  sleep 0.05
done

boot=(--vmm "$VMM" --vhost-user "$SOCKETS/vm.sock" --share "$OUT/guest" --timeout 200)
[[ -z ${VDMABUF_SANITIZED:-} ]] || boot+=(--sanitized)
if [[ $VMM == qemu ]]; then
  boot+=(--kernel "$KERNEL" --qmp "$SOCKETS/qmp.sock")
  arguments=(--only 'unplug and plug' --unplugs "$ROUNDS")
else
  arguments=(--only unplug --unplug-for-ever)
fi
setpriv --pdeathsig TERM "$REPO/scripts/guest/boot.sh" "${boot[@]}" -- \
  sh -c 'modprobe vgem 2>/dev/null; exec "$@"' sh "$OUT/guest/driver_test" "${arguments[@]}" >"$OUT/boot.log" 2>&1 &
GUEST=$!
PIDS+=("$GUEST")

# await LINE: until the guest has written it.
await() {
  until grep -qx "$1" "$LOG" 2>/dev/null; do
    kill -0 "$GUEST" 2>/dev/null || { show_tail "$LOG"; show_tail "$OUT/boot.log"; die "the guest ended before '$1'"; }
    sleep 0.05
  done
}

# qmp COMMAND [EVENT]: one command to QEMU, and waits for an event.
qmp() {
  python3 -B - "$SOCKETS/qmp.sock" "$@" <<'END'
import json, socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(30)
    connection.connect(sys.argv[1])
    lines = connection.makefile('rw')
    def ask(command):
        lines.write(command + '\n')
        lines.flush()
        while 'return' not in (answer := json.loads(lines.readline())):
            if 'error' in answer:
                sys.exit(f'{command}: {answer["error"]["desc"]}')
            events.append(answer.get('event'))
    events = [json.loads(lines.readline()).get('event')]
    ask('{"execute": "qmp_capabilities"}')
    ask(sys.argv[2])
    while len(sys.argv) > 3 and sys.argv[3] not in events:
        events.append(json.loads(lines.readline()).get('event'))
END
}

if [[ $VMM == qemu ]]; then
  for ((round = 1; round <= ROUNDS; round++)); do
    await "unplug $round"
    qmp '{"execute": "device_del", "arguments": {"id": "vdmabuf0"}}' DEVICE_DELETED
    await "plug $round"
    qmp '{"execute": "device_add", "arguments": {"driver": "vhost-user-test-device-pci", "id": "vdmabuf0", "bus": "port0", "chardev": "vh0", "virtio-id": 37, "num_vqs": 2, "vq_size": 256, "config_size": 64}}'
  done
else
  await "unplug 0"
  kill -KILL "$HOST" # and with it, the process that serves
fi
status=0
wait "$GUEST" || status=$?
cat "$LOG"
if grep -hE 'BUG:|KASAN|WARNING:|circular|ODEBUG|Oops|DMA-API: ' "$OUT/guest/"{guest-dmesg,console}.log 2>/dev/null |
  grep -vE 'arch/um/drivers/virtio_uml.c|DMA-API: (preallocated|debugging|Mapped at)'; then
  die "the guest's kernel complains; see $OUT/guest/guest-dmesg.log"
fi
exit "$status"
