#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# User Mode Linux 6.12, built once from Debian's linux-source (about 3 minutes
# on two cores) with scripts/guest/uml.config, kept under build/uml:
#   release   what `uname -r` says in it
#   linux     the kernel, a program
#   headers/  KDIR (with ARCH=um) for modules built out of tree
#   stamp     what it was built of; a changed configuration builds it anew
#
# Usage: scripts/guest/fetch-uml.sh [--sanitized]
#        --sanitized  KASAN, lock checking, leak detection and fault injection
#                     (uml-sanitized.config on top), under build/uml-sanitized
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

SERIES=6.12
SUITE=bookworm-backports
NAME=uml
CONFIGS=("$REPO/scripts/guest/uml.config")
case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  --sanitized) NAME=uml-sanitized CONFIGS+=("$REPO/scripts/guest/uml-sanitized.config") ;;
  '') ;;
  *) usage_error "unknown option '$1'" ;;
esac
ROOT=$BUILD/$NAME
PART=$ROOT.part
TREE=$PART/linux-source-$SERIES
LOG=$BUILD/$NAME.log
# What modules built out of tree need of the kernel's tree.
DEVEL=(
  .config Makefile Kbuild Kconfig Module.symvers include scripts arch/um/Makefile
  arch/um/Makefile-skas arch/um/Makefile-os-Linux arch/um/include arch/um/Kconfig
  arch/x86/Makefile arch/x86/Makefile_32.cpu arch/x86/Makefile.um arch/x86/um/asm
  arch/x86/um/shared arch/x86/include arch/x86/entry/syscalls arch/x86/Kconfig
)

in_tree() { make -C "$TREE" ARCH=um "$@"; }

# Every 200th step of a build's output as a line of progress; all of it to the log.
progress() {
  local line steps=0
  while IFS= read -r line; do
    printf '%s\n' "$line"
    ((++steps % 200)) || say "  $steps steps, now ${line##* }"
  done >>"$LOG"
}

unpack_sources() {
  local deb
  deb=$("$REPO/scripts/apt-suite.sh" "$SUITE" download "linux-source-$SERIES")
  say "unpacking the sources of Linux $SERIES"
  rm -rf "$PART"
  mkdir -p "$PART"
  # Drivers of real hardware and other architectures are most of the tree.
  dpkg-deb --fsys-tarfile "$deb" | tar -xO "./usr/src/linux-source-$SERIES.tar.xz" |
    xz -dc -T0 | tar -x -C "$PART" --exclude='*/Documentation/*/*' --exclude='*/tools/testing' \
    --exclude='*/drivers/gpu/drm/amd/include/asic_reg'
}

# What was asked for and is not so: an option whose conditions do not hold is dropped silently.
lost_options() {
  cat "${CONFIGS[@]}" | awk -v config="$TREE/.config" '
    BEGIN { while ((getline line < config) > 0) { split(line, part, "="); is[part[1]] = line } }
    /^CONFIG_/ { split($0, part, "="); wanted[part[1]] = $0 }
    END {
      for (option in wanted) {
        off = wanted[option] == option "=n"
        if (off ? option in is : is[option] != wanted[option]) print wanted[option]
      }
    }' | sort
}

configure() {
  local lost
  : >"$LOG"
  in_tree allnoconfig >>"$LOG" 2>&1
  cat "${CONFIGS[@]}" >>"$TREE/.config"
  in_tree olddefconfig >>"$LOG" 2>&1
  lost=$(lost_options)
  [[ -z $lost ]] || die "this kernel's configuration does not take: ${lost//$'\n'/ }; see $TREE/.config"
}

build() {
  say "building User Mode Linux (once, some minutes); all messages: $LOG"
  in_tree -j"$(nproc)" linux modules 2>&1 | progress ||
    { show_tail "$LOG" 30; die "User Mode Linux does not build; see $LOG"; }
}

keep() {
  mkdir "$PART/headers"
  (cd "$TREE" && cp -a --parents "${DEVEL[@]}" "$PART/headers")
  cp "$TREE/include/config/kernel.release" "$PART/release"
  echo "$STAMP" >"$PART/stamp"
  strip -g -o "$PART/linux" "$TREE/linux"
  rm -rf "$TREE" "$ROOT"
  mv "$PART" "$ROOT"
}

need_commands bc bison flex gcc make strip xz
lock "$NAME"
# Comments are not configuration.
STAMP=$(grep -h '^CONFIG_' "${CONFIGS[@]}" | sha256sum)
if [[ ! -f $ROOT/release || $STAMP != "$(cat "$ROOT/stamp" 2>/dev/null)" ]]; then
  unpack_sources
  configure
  build
  keep
  say "User Mode Linux $(cat "$ROOT/release") is ready"
fi
echo "$ROOT"
