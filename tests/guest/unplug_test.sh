#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# unplug_test.sh --vmm qemu|uml [--kernel 6.1|6.12|7] --out DIR: the device is taken out of a running
# guest while everything of it is in use: QEMU unplugs it and plugs it again, some times; User Mode
# Linux takes it out when its host dies. With VDMABUF_SANITIZED=1 that kernel has KASAN and lock
# checking.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
# shellcheck source=tests/guest/host.sh
. "$REPO/tests/guest/host.sh"
ROUNDS=4
VMM='' KERNEL=6.12 OUT=''
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

begin "$OUT"
LOG=$OUT/guest/guest-output.log
cp "$BIN/tests/guest/driver_test" "$OUT/guest/"
start_vdmabufd
boot=(--vmm "$VMM" --timeout 200)
if [[ $VMM == qemu ]]; then
  boot+=(--kernel "$KERNEL" --qmp "$SOCKETS/qmp.sock")
  arguments=(--only 'unplug and plug' --unplugs "$ROUNDS")
else
  arguments=(--only unplug --unplug-for-ever)
fi
start_guest "${boot[@]}" -- "$OUT/guest/driver_test" "${arguments[@]}"

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
  kill -KILL "$HOST_PID" # and with it, the process that serves
fi
status=0
guest_status || status=$?
expect_no_kernel_reports "$OUT/guest/"{guest-dmesg,console}.log
exit "$status"
