# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by scripts that unpack packages which shall be used without being installed.

# write_overlay_runner FILE: a program that runs others with the usr/ beside it laid over the system's
# /usr, in a mount namespace of their own, and with its Vulkan driver for this processor alone.
write_overlay_runner() {
  cat >"$1" <<'RUNNER'
#!/bin/sh
# Written by scripts/overlay-runner.sh: runs a command with the files beside it.
here=$(cd "$(dirname "$0")" && pwd -P)
[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT...]" >&2; exit 2; }
icd=/usr/share/vulkan/icd.d/$(basename "$here"/usr/share/vulkan/icd.d/lvp_icd*.json)
own=-m
[ "$(id -u)" = 0 ] || own=-rm
# Loaders before 1.3.207 know the second name only.
exec unshare "$own" --propagation private sh -c '
  mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr || exit 125
  export VK_DRIVER_FILES="$2" VK_ICD_FILENAMES="$2"
  shift 2
  exec "$@"' sh "$here" "$icd" "$@"
RUNNER
  chmod +x "$1"
}

# unpack_overlay ROOT SUITE WHAT PACKAGE...: the packages, with all that they need, unpacked to ROOT,
# with such a program in ROOT/run; ROOT/release has the version of the first. Needs scripts/common.sh.
unpack_overlay() {
  local root=$1 suite=$2 what=$3 list deb
  local part=$root.part
  local -a specs debs
  shift 3
  list=$("$REPO/scripts/apt-suite.sh" "$suite" closure "$@")
  mapfile -t specs <<<"$list"
  list=$("$REPO/scripts/apt-suite.sh" "$suite" download "${specs[@]}")
  mapfile -t debs <<<"$list"
  say "unpacking $what and its libraries (${#debs[@]} packages)"
  rm -rf "$part"
  mkdir -p "$part/usr/lib"
  ln -s usr/lib "$part/lib" # where a package still ships /lib
  mkdir -p "$part/usr/lib64"
  ln -s usr/lib64 "$part/lib64"
  for deb in "${debs[@]}"; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$part" \
      --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale \
      --exclude=./etc --exclude=./var --exclude=./usr/share/lintian
  done
  write_overlay_runner "$part/run"
  "$part/run" true || die "cannot lay a file system over /usr here; run as root"
  dpkg-deb -f "$(printf '%s\n' "${debs[@]}" | grep "/$1_")" Version >"$part/release"
  rm -rf "$root"
  mv "$part" "$root"
}
