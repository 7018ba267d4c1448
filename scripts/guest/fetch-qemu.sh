#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the path of a QEMU in which vhost-user-test-device-pci (10.2 or newer)
# and virtio-gpu-pci can be created by the user: the system's if it can, else one
# out of trixie-backports, unpacked (not installed) under build/qemu and run with
# the libraries and the dynamic linker it was built for. It is unpacked anew when
# the packages that are wanted have changed.
#
# Usage: scripts/guest/fetch-qemu.sh [--unpacked]
#        --unpacked  never take the system's
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

SUITE=trixie-backports
DEVICES=(vhost-user-test-device-pci virtio-gpu-pci)
# Of all that apt would install: the emulator, its modules (those of virtio-gpu
# are in -common), its firmware and libraries.
NEEDED='lib[^=]*|zlib1g|qemu-system-(x86|common|data)|seabios'
ROOT=$BUILD/qemu

has_devices() {
  local known device
  known=$("$1" -nodefaults -machine none -device help 2>/dev/null) || return
  for device in "${DEVICES[@]}"; do
    grep -q "^name \"$device\"" <<<"$known" || return
  done
}

only_needed() { grep -E "^($NEEDED)="; }

stamp() { echo "$SUITE $NEEDED"; }

write_wrapper() {
  cat >"$1" <<'WRAPPER'
#!/bin/sh
# Written by scripts/guest/fetch-qemu.sh.
root=$(cd "$(dirname "$0")" && pwd -P)/root
lib=$root/usr/lib/x86_64-linux-gnu
export QEMU_MODULE_DIR="$lib/qemu"
exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" \
  "$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" "$@"
WRAPPER
  chmod +x "$1"
}

unpack() {
  local part=$ROOT.part deb list
  local -a specs debs
  list=$("$REPO/scripts/apt-suite.sh" "$SUITE" closure qemu-system-x86 | only_needed)
  mapfile -t specs <<<"$list"
  list=$("$REPO/scripts/apt-suite.sh" "$SUITE" download "${specs[@]}")
  mapfile -t debs <<<"$list"
  say "unpacking QEMU and its libraries (${#debs[@]} packages)"
  rm -rf "$part"
  mkdir -p "$part/root/usr/lib"
  ln -s usr/lib "$part/root/lib" # where a package still ships /lib
  for deb in "${debs[@]}"; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$part/root" \
      --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale \
      --exclude=./etc --exclude=./var
  done
  write_wrapper "$part/run"
  has_devices "$part/run" ||
    die "the QEMU of $SUITE does not run here or lacks one of: ${DEVICES[*]}; try: $part/run -device help"
  stamp >"$part/stamp"
  rm -rf "$ROOT"
  mv "$part" "$ROOT"
}

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  --unpacked | '') ;;
  *) usage_error "unknown option '$1'" ;;
esac
if [[ ${1:-} != --unpacked ]] && system=$(command -v qemu-system-x86_64) && has_devices "$system"; then
  echo "$system"
  exit
fi
[[ $(uname -m) == x86_64 ]] || die "only x86-64 hosts are supported"
lock qemu
[[ -x $ROOT/run && $(stamp) == "$(cat "$ROOT/stamp" 2>/dev/null)" ]] || unpack
echo "$ROOT/run"
