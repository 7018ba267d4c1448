#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# 32-bit Vulkan and EGL with software drivers, vkcube and es2gears, unpacked (not installed:
# dpkg's architectures stay as they are) under build/i386-root; prints the path of
# a program that runs others with them:
#   build/i386-root/run vkcube --c 60
# What is run sees them laid over the system's /usr, in a mount namespace of its
# own. That takes root, or a kernel that lets users make namespaces.
#
# Usage: scripts/fetch-i386.sh
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/overlay-runner.sh
. "$(dirname "${BASH_SOURCE[0]}")/overlay-runner.sh"

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  '') ;;
  *) usage_error "unknown argument '$1'" ;;
esac
ROOT=$BUILD/i386-root
SUITE=bookworm/i386
PACKAGES=(libvulkan1 mesa-vulkan-drivers vulkan-tools libegl1 libgles2 mesa-utils-bin libstdc++6)

unpack() {
  local part=$ROOT.part list deb
  local -a specs debs
  list=$("$REPO/scripts/apt-suite.sh" "$SUITE" closure "${PACKAGES[@]}")
  mapfile -t specs <<<"$list"
  list=$("$REPO/scripts/apt-suite.sh" "$SUITE" download "${specs[@]}")
  mapfile -t debs <<<"$list"
  say "unpacking ${#debs[@]} packages for i386"
  rm -rf "$part"
  mkdir -p "$part/usr/lib"
  ln -s usr/lib "$part/lib" # where a package still ships /lib
  for deb in "${debs[@]}"; do
    # Of the programs only these: others are the system's.
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$part" \
      --exclude=./etc --exclude=./var --exclude=./bin --exclude=./sbin --exclude=./usr/bin --exclude=./usr/sbin \
      --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale --exclude=./usr/share/lintian
    [[ $deb != */vulkan-tools_* ]] || dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$part" ./usr/bin/vkcube
    # Debian has the program under the name of its architecture.
    [[ $deb != */mesa-utils-bin_* ]] || dpkg-deb --fsys-tarfile "$deb" |
      tar -x -C "$part" --wildcards './usr/bin/es2gears_x11*'
  done
  write_overlay_runner "$part/run"
  "$part/run" true || die "cannot lay a file system over /usr here; run as root"
  "$part/run" /usr/lib/ld-linux.so.2 --version >/dev/null || die "this kernel runs no 32-bit programs"
  rm -rf "$ROOT"
  mv "$part" "$ROOT"
}

need_commands unshare
lock i386-root
[[ -x $ROOT/run && -n $(compgen -G "$ROOT/usr/bin/es2gears_x11*") ]] || unpack
echo "$ROOT/run"
