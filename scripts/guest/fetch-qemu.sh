#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the path of a QEMU in which vhost-user-test-device-pci can be created
# by the user (10.2 or newer): the system's if it can, else one out of
# trixie-backports, unpacked (not installed) under build/qemu and run with the
# libraries and the dynamic linker it was built for.
#
# Usage: scripts/guest/fetch-qemu.sh [--unpacked]
#        --unpacked  never take the system's
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

SUITE=trixie-backports
DEVICE=vhost-user-test-device-pci
ROOT=$BUILD/qemu

has_device() { "$1" -nodefaults -machine none -device help 2>/dev/null | grep -q "^name \"$DEVICE\""; }

# Of all that apt would install: the emulator, its firmware and libraries.
only_needed() { grep -E '^(lib[^=]*|zlib1g|qemu-system-x86|qemu-system-data|seabios)='; }

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
  has_device "$part/run" ||
    die "the QEMU of $SUITE does not run here or has no $DEVICE; try: $part/run -device help"
  rm -rf "$ROOT"
  mv "$part" "$ROOT"
}

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  --unpacked | '') ;;
  *) usage_error "unknown option '$1'" ;;
esac
if [[ ${1:-} != --unpacked ]] && system=$(command -v qemu-system-x86_64) && has_device "$system"; then
  echo "$system"
  exit
fi
[[ $(uname -m) == x86_64 ]] || die "only x86-64 hosts are supported"
lock qemu
[[ -x $ROOT/run ]] || unpack
echo "$ROOT/run"
