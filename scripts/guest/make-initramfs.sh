#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes the initramfs of QEMU guests for one kernel and prints its path: busybox,
# initramfs-init and the modules that reaching the host's files over 9p takes.
#
# Usage: scripts/guest/make-initramfs.sh 6.1|6.12|7
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

MODULES=(virtio_pci 9pnet_virtio 9p overlay)

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  6.1 | 6.12 | 7) ;;
  *) usage_error "a kernel series is needed: 6.1, 6.12 or 7" ;;
esac
INIT=$REPO/scripts/guest/initramfs-init
OUT=$BUILD/guest/initramfs-$1.cpio.gz

need_commands busybox cpio gzip xz
kernel=$("$REPO/scripts/guest/fetch-kernel.sh" "$1")
lock "initramfs-$1"
stamp=$(cat "$kernel/release" "$INIT" "$0" | sha256sum)
if [[ ! -f $OUT || $stamp != "$(cat "$OUT.stamp" 2>/dev/null)" ]]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  mkdir -p "$BUILD/guest" "$tree"/{bin,dev,modules,newroot,proc}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  install -m 755 "$INIT" "$tree/init"
  # In the order of loading; those built into the kernel have no file.
  list=$(for module in "${MODULES[@]}"; do
    /sbin/modprobe -d "$kernel/modules" -S "$(cat "$kernel/release")" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
  number=0
  for file in $list; do
    number=$((number + 1))
    name=$(printf '%02d-%s' "$number" "$(basename "${file%.xz}")")
    case $file in
      *.xz) xz -dc "$file" ;;
      *) cat "$file" ;;
    esac >"$tree/modules/$name"
  done
  (cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$OUT.part"
  mv "$OUT.part" "$OUT"
  echo "$stamp" >"$OUT.stamp"
fi
echo "$OUT"
