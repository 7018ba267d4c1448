#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Debian's kernel and its headers, unpacked (not installed) under
# build/kernels/SERIES: the newest ABI of that series.
#   release     what `uname -r` says in it
#   vmlinux     the kernel, uncompressed (boots through PVH)
#   modules/    a root for `modprobe -d`, with the modules that a guest needs
#   headers/    KDIR for modules built out of tree
#   make-args   what make needs for that with this system's tools, one a line
#   stamp       what was asked for; other modules than those are fetched anew
#
# Usage: scripts/guest/fetch-kernel.sh 6.1|6.12|7
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  6.1) SUITE=bookworm ;;
  6.12) SUITE=bookworm-backports ;;
  7) SUITE=trixie-backports ;;
  *) usage_error "a kernel series is needed: 6.1, 6.12 or 7" ;;
esac
SERIES=$1
# Debian packs kernel and modules apart since 7.2.
IMAGE=(image)
[[ $SERIES != 7 ]] || IMAGE=(binary modules base)
ROOT=$BUILD/kernels/$SERIES
PART=$ROOT.part
# Drivers and file systems of the guest, and what they depend on.
MODULES=(
  fs/9p net/9p fs/netfs fs/fscache fs/overlayfs fs/fuse drivers/virtio drivers/dma-buf
  drivers/gpu/drm/vgem drivers/gpu/drm/virtio
)
DRM_MODULES=(drm drm_kms_helper drm_shmem_helper clients/drm_client_lib)
# Beside them, added to a kernel that is there already.
INPUT_MODULES=(evdev misc/uinput mouse/psmouse)

# The newest release of the series of which both image and headers are there.
newest_release() {
  local names
  names=$("$REPO/scripts/apt-suite.sh" "$SUITE" names linux-)
  comm -12 <(releases_of "${IMAGE[0]}" <<<"$names") <(releases_of headers <<<"$names") | sort -V | tail -n 1
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
  local deb module
  mkdir -p "$PART/modules"
  local -a patterns=("./boot/vmlinuz-*" "*/lib/modules/*/vmlinuz" "*/lib/modules/*/modules.*")
  for module in "${MODULES[@]}"; do patterns+=("*/lib/modules/*/kernel/$module/*"); done
  for module in "${DRM_MODULES[@]}"; do
    patterns+=("*/lib/modules/*/kernel/drivers/gpu/drm/$module.ko*")
  done
  for deb in "$@"; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$PART/modules" --wildcards "${patterns[@]}" 2>"$PART/tar.log" ||
      grep -q 'Not found in archive' "$PART/tar.log" || # a module of another series
      { show_tail "$PART/tar.log"; die "cannot unpack $deb"; }
  done
  [[ ! -d $PART/modules/usr ]] || mv "$PART/modules/usr/lib" "$PART/modules/lib"
  extract_vmlinux "$(compgen -G "$PART/modules/boot/vmlinuz-$RELEASE" ||
    compgen -G "$PART/modules/lib/modules/$RELEASE/vmlinuz")" "$PART/vmlinux"
  rm -rf "$PART/modules"/{boot,usr} "$PART/modules/lib/modules/$RELEASE/vmlinuz" "$PART/tar.log"
  /sbin/depmod -b "$PART/modules" "$RELEASE"
}

unpack_headers() {
  local deb
  mkdir -p "$PART/src"
  for deb in "$@"; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$PART/src" ./usr; done
  # The headers name each other by absolute paths.
  grep -lrs '/usr/src/linux-\|/usr/lib/linux-' --include=Makefile --include=.kernelvariables \
    "$PART/src/usr/src/linux-headers-$RELEASE" |
    xargs -r sed -i "s#/usr/\(src\|lib\)/linux-#$ROOT/src/usr/\1/linux-#"
  ln -s "src/usr/src/linux-headers-$RELEASE" "$PART/headers"
  # The type information for BPF takes pahole, which need not be here.
  echo CONFIG_DEBUG_INFO_BTF_MODULES= >"$PART/make-args"
}

# Built for a newer system than this: its tools run with the libraries that they were built for, and
# an option is left out that only its newer compiler has (functions are aligned all the same).
adapt_headers() {
  local deb file list
  local -a debs
  list=$("$REPO/scripts/apt-suite.sh" "$SUITE" download libc6 libelf1t64 zlib1g libzstd1)
  mapfile -t debs <<<"$list"
  mkdir -p "$PART/tools"
  ln -s usr/lib "$PART/tools/lib" # where a package still ships /lib
  mkdir -p "$PART/tools/usr/lib"
  for deb in "${debs[@]}"; do
    dpkg-deb --fsys-tarfile "$deb" |
      tar -x --keep-directory-symlink -C "$PART/tools" --exclude=./usr/share --exclude=./etc
  done
  while IFS= read -r file; do
    [[ $(head -c 4 "$file" | tail -c 3) == ELF ]] || continue
    mv "$file" "$file.elf"
    cat >"$file" <<WRAPPER
#!/bin/sh
lib=$ROOT/tools/usr/lib/x86_64-linux-gnu
exec "\$lib/ld-linux-x86-64.so.2" --library-path "\$lib" "\$0.elf" "\$@"
WRAPPER
    chmod +x "$file"
  done < <(find "$PART/src/usr/lib" -type f -perm -u=x -name '*.real-*')
  echo CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT= >>"$PART/make-args"
}

unpack() {
  local list abi=${RELEASE%-amd64} package
  local -a debs
  # Debian names the tools after the ABI since 6.12, after the series before.
  local kbuild=linux-kbuild-$abi
  [[ -n $("$REPO/scripts/apt-suite.sh" "$SUITE" names "$kbuild") ]] || kbuild=linux-kbuild-$SERIES
  local -a packages=("linux-headers-$RELEASE" "linux-headers-$abi-common" "$kbuild")
  for package in "${IMAGE[@]}"; do packages+=("linux-$package-$RELEASE"); done
  list=$("$REPO/scripts/apt-suite.sh" "$SUITE" download "${packages[@]}")
  mapfile -t debs <<<"$list"
  say "unpacking kernel $RELEASE and its headers"
  rm -rf "$PART"
  local deb
  local -a headers=() images=()
  for deb in "${debs[@]}"; do
    case $deb in
      */linux-headers-* | */linux-kbuild-*) headers+=("$deb") ;;
      *) images+=("$deb") ;;
    esac
  done
  unpack_image "${images[@]}"
  unpack_headers "${headers[@]}"
  [[ $SERIES != 7 ]] || adapt_headers
  echo "$RELEASE" >"$PART/release"
  stamp >"$PART/stamp"
  rm -rf "$ROOT"
  mv "$PART" "$ROOT"
}

# The modules of input, out of the same packages.
add_input_modules() {
  local list module
  local -a debs=() packages=() patterns=()
  for package in "${IMAGE[@]}"; do packages+=("linux-$package-$RELEASE"); done
  list=$("$REPO/scripts/apt-suite.sh" "$SUITE" download "${packages[@]}") || return
  mapfile -t debs <<<"$list"
  for module in "${INPUT_MODULES[@]}"; do patterns+=("*/lib/modules/*/kernel/drivers/input/$module.ko*"); done
  for deb in "${debs[@]}"; do
    # a package without any of them is fine
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$ROOT/modules" --transform 's,^\./usr/,./,' --wildcards "${patterns[@]}" 2>/dev/null || true
  done
  /sbin/depmod -b "$ROOT/modules" "$RELEASE"
  echo "${INPUT_MODULES[*]}" >"$ROOT/input-stamp"
}

# Counts up with what this script makes of the same packages.
stamp() { echo "2 ${MODULES[*]} ${DRM_MODULES[*]}"; }

need_commands xz zstd
[[ -x /sbin/depmod ]] || die "'depmod' is not installed; run scripts/install-packages.sh first"
lock "kernel-$SERIES"
if [[ ! -f $ROOT/release || $(stamp) != "$(cat "$ROOT/stamp" 2>/dev/null)" ]]; then
  RELEASE=$(newest_release)
  [[ -n $RELEASE ]] || die "$SUITE has no kernel of series $SERIES with headers"
  unpack
fi
if [[ ${INPUT_MODULES[*]} != "$(cat "$ROOT/input-stamp" 2>/dev/null)" ]]; then
  RELEASE=$(cat "$ROOT/release")
  # Its packages may be gone by now: then all of the newest ones.
  add_input_modules || { RELEASE=$(newest_release) && unpack && add_input_modules; }
fi
echo "$ROOT"
