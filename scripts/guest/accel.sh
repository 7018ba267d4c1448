#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Says which accelerator QEMU guests can use here: "kvm" if a kernel boots with
# it within seconds (its device may exist and still run no guest), else "tcg".
# The answer is kept under build/guest until QEMU or the host's kernel changes.
#
# Usage: scripts/guest/accel.sh QEMU 6.1|6.12|7
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

LIMIT_S=8

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
esac
(($# == 2)) || usage_error "a QEMU and a kernel series are needed"
QEMU=$1

probe() {
  [[ $usable == yes ]] || return
  say "trying KVM (at most $LIMIT_S s)"
  local kernel initramfs log=$BUILD/guest/kvm-probe.log
  kernel=$("$REPO/scripts/guest/fetch-kernel.sh" "$SERIES")
  initramfs=$("$REPO/scripts/guest/make-initramfs.sh" "$SERIES")
  : >"$log"
  timeout -k 2 "$LIMIT_S" "$QEMU" -nodefaults -no-user-config -display none -no-reboot \
    -machine q35 -accel kvm -cpu host -m 256 -serial stdio -kernel "$kernel/vmlinux" \
    -initrd "$initramfs" -append "console=ttyS0 quiet panic=-1 vdmabuf.probe" \
    </dev/null >"$log" 2>&1 &
  local pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    # QEMU stops the guest at such an error, and waits.
    ! grep -q '^KVM internal error\|^vdmabuf-probe-ok' "$log" || kill "$pid" 2>/dev/null || true
    sleep 0.1
  done
  wait "$pid" || true
  grep -q '^vdmabuf-probe-ok' "$log"
}

SERIES=$2
CACHE=$BUILD/guest/accel-$SERIES
mkdir -p "$BUILD/guest"
lock "accel-$SERIES"
usable=no
[[ ! -r /dev/kvm || ! -w /dev/kvm ]] || usable=yes
key="$(uname -r) $("$QEMU" --version | head -n 1) $usable"
if [[ ! -f $CACHE || $(head -n 1 "$CACHE") != "$key" ]]; then
  if probe; then answer=kvm; else answer=tcg; fi
  say "accelerator: $answer"
  printf '%s\n%s\n' "$key" "$answer" >"$CACHE.part"
  mv "$CACHE.part" "$CACHE"
fi
tail -n 1 "$CACHE"
