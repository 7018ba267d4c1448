#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# sleep_test.sh --kernel 6.1|6.12 --out DIR: the driver while its guest goes to sleep and comes back,
# with fault_host.py behind the device. The guest has all its files in the initramfs, as files over
# 9p do not survive that.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
# shellcheck source=tests/guest/host.sh
. "$REPO/tests/guest/host.sh"
[[ $# == 4 && $1 == --kernel && $3 == --out ]] || usage_error "--kernel 6.1|6.12 --out DIR"
KERNEL=$2
TEST=$BIN/tests/guest/fault_test
begin "$4"

qemu=$("$REPO/scripts/guest/fetch-qemu.sh")
kernel=$("$REPO/scripts/guest/fetch-kernel.sh" "$KERNEL")
initramfs=$("$REPO/scripts/guest/make-initramfs.sh" "$KERNEL")
module=$("$REPO/scripts/guest/build-module.sh" "$KERNEL")
mkdir -p "$OUT/tree"/{sys,tmp}

cp "$module" "$OUT/tree/"
# vgem, for fences, and what it needs, in that order after the modules that are there.
mkdir "$OUT/tree/modules"
number=50
for file in $(/sbin/modprobe -d "$kernel/modules" -S "$(cat "$kernel/release")" --show-depends vgem |
  awk '$1 == "insmod" { print $2 }'); do
  number=$((number + 1))
  case $file in
    *.xz) xz -dc "$file" ;;
    *) cat "$file" ;;
  esac >"$OUT/tree/modules/$number-$(basename "${file%.xz}")"
done
cp "$TEST" "$OUT/tree/fault_test"
ldd "$TEST" | grep -o '/[^ ]*' | xargs -I{} cp -L --parents {} "$OUT/tree"
cat >"$OUT/tree/sleep-init" <<'END'
#!/bin/busybox sh
for fs in proc:/proc sysfs:/sys devtmpfs:/dev debugfs:/sys/kernel/debug tmpfs:/tmp; do
  /bin/busybox mount -t "${fs%%:*}" none "${fs#*:}"
done
for module in /modules/*.ko /virtio_vdmabuf.ko; do /bin/busybox insmod "$module"; done
/fault_test --only sleep
echo "sleep-test-status $?"
/bin/busybox poweroff -f
END
chmod +x "$OUT/tree/sleep-init"
# A kernel unpacks archives one after the other.
(cd "$OUT/tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 | cat "$initramfs" - >"$OUT/initramfs.gz"
rm -r "$OUT/tree"

start_fault_host
setpriv --pdeathsig TERM timeout -k 5 200 "$qemu" -nodefaults -no-user-config -display none \
  -no-reboot -serial stdio -machine q35,memory-backend=mem -m 512 -smp 2 \
  -object memory-backend-memfd,id=mem,size=512M,share=on \
  -accel tcg,thread=multi -cpu Nehalem -kernel "$kernel/vmlinux" -initrd "$OUT/initramfs.gz" \
  -append "console=ttyS0 quiet panic=-1 no_timer_check no_console_suspend rdinit=/sleep-init suspend.pm_test_delay=1" \
  -chardev "socket,id=vh0,path=$SOCKETS/vm.sock" \
  -device vhost-user-test-device-pci,chardev=vh0,virtio-id=37,num_vqs=2,vq_size=256,config_size=64 \
  </dev/null >"$OUT/console.log" 2>&1 &
GUEST=$!
PIDS+=("$GUEST")
wait "$GUEST" || true
cat "$OUT/console.log"
grep -q '^ok  *sleep ' "$OUT/console.log" && grep -q 'sleep-test-status 0' "$OUT/console.log" || die "see $OUT/console.log and $OUT/host.log"
expect_no_kernel_reports "$OUT/console.log"
