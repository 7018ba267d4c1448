#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Debian's kernel and its headers, unpacked (not installed) under
# build/kernels/SERIES: the newest ABI of that series.
#   release   what `uname -r` says in it
#   vmlinux   the kernel, uncompressed (boots through PVH)
#   modules/  a root for `modprobe -d`, with the modules that a guest needs
#   headers/  KDIR for modules built out of tree
#
# Usage: scripts/guest/fetch-kernel.sh 6.1|6.12
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  6.1) SUITE=bookworm ;;
  6.12) SUITE=bookworm-backports ;;
  *) usage_error "a kernel series is needed: 6.1 or 6.12" ;;
esac
SERIES=$1
ROOT=$BUILD/kernels/$SERIES
PART=$ROOT.part
# Drivers and file systems of the guest, and what they depend on.
MODULES=(fs/9p net/9p fs/netfs fs/fscache fs/overlayfs fs/fuse drivers/virtio drivers/dma-buf drivers/gpu/drm/vgem)

# The newest release of the series of which both image and headers are there.
newest_release() {
  local names
  names=$("$REPO/scripts/apt-suite.sh" "$SUITE" names linux-)
  comm -12 <(releases_of image <<<"$names") <(releases_of headers <<<"$names") | sort -V | tail -n 1
}
releases_of() { sed -nE "s/^linux-$1-(${SERIES//./\\.}\.[0-9][0-9a-z.+~]*(-[0-9]+)?-amd64)\$/\1/p" | sort; }

# extract_vmlinux BZIMAGE OUT: the payload is a compressed stream somewhere in it.
extract_vmlinux() {
  local tool magic offset
  while read -r tool magic; do
    while IFS=: read -r offset _; do
      # the tools complain about what follows the stream
      tail -c "+$((offset + 1))" "$1" | "$tool" -dc >"$2" 2>/dev/null || true
      if [[ $(head -c 4 "$2" | tail -c 3) == ELF ]]; then return; fi
    done < <(LC_ALL=C grep -aboP "$magic" "$1" | LC_ALL=C cut -d: -f1)
  done <<'END'
xz \xfd7zXZ\x00
zstd \x28\xb5\x2f\xfd
gzip \x1f\x8b\x08
END
  die "no kernel found inside $1"
}

unpack_image() {
  local deb=$1 module
  mkdir -p "$PART/modules"
  local -a patterns=("./boot/vmlinuz-*" "./lib/modules/*/modules.*")
  for module in "${MODULES[@]}"; do patterns+=("./lib/modules/*/kernel/$module/*"); done
  for module in drm drm_kms_helper drm_shmem_helper; do
    patterns+=("./lib/modules/*/kernel/drivers/gpu/drm/$module.ko*")
  done
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$PART/modules" --wildcards "${patterns[@]}" 2>"$PART/tar.log" ||
    grep -q 'Not found in archive' "$PART/tar.log" || # a module of the other series
    { show_tail "$PART/tar.log"; die "cannot unpack $deb"; }
  extract_vmlinux "$PART/modules/boot/vmlinuz-$RELEASE" "$PART/vmlinux"
  rm -r "$PART/modules/boot" "$PART/tar.log"
  /sbin/depmod -b "$PART/modules" "$RELEASE"
}

unpack_headers() {
  local deb
  mkdir -p "$PART/src"
  for deb in "$@"; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$PART/src" ./usr; done
  # The headers name each other by absolute paths.
  grep -lrs '/usr/src/linux-\|/usr/lib/linux-' --include=Makefile "$PART/src/usr/src/linux-headers-$RELEASE" |
    xargs -r sed -i "s#/usr/\(src\|lib\)/linux-#$ROOT/src/usr/\1/linux-#"
  ln -s "src/usr/src/linux-headers-$RELEASE" "$PART/headers"
}

unpack() {
  local list abi=${RELEASE%-amd64}
  local -a debs
  # Debian names the tools after the ABI since 6.12, after the series before.
  local kbuild=linux-kbuild-$abi
  [[ -n $("$REPO/scripts/apt-suite.sh" "$SUITE" names "$kbuild") ]] || kbuild=linux-kbuild-$SERIES
  list=$("$REPO/scripts/apt-suite.sh" "$SUITE" download "linux-image-$RELEASE" \
    "linux-headers-$RELEASE" "linux-headers-$abi-common" "$kbuild")
  mapfile -t debs <<<"$list"
  say "unpacking kernel $RELEASE and its headers"
  rm -rf "$PART"
  local deb
  local -a headers=()
  for deb in "${debs[@]}"; do
    if [[ $deb == */linux-image-* ]]; then unpack_image "$deb"; else headers+=("$deb"); fi
  done
  unpack_headers "${headers[@]}"
  echo "$RELEASE" >"$PART/release"
  rm -rf "$ROOT"
  mv "$PART" "$ROOT"
}

need_commands xz zstd
[[ -x /sbin/depmod ]] || die "'depmod' is not installed; run scripts/install-packages.sh first"
lock "kernel-$SERIES"
if [[ ! -f $ROOT/release ]]; then
  RELEASE=$(newest_release)
  [[ -n $RELEASE ]] || die "$SUITE has no kernel of series $SERIES with headers"
  unpack
fi
echo "$ROOT"
