#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the guest driver for one kernel under build/module/KERNEL (the source
# tree stays clean) and prints the path of virtio_vdmabuf.ko. Does nothing when
# the sources are those of the last build.
#
# Usage: scripts/guest/build-module.sh 6.1|6.12|7|uml|uml-sanitized
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

make_args=()
case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
  6.1 | 6.12 | 7) fetch=("$REPO/scripts/guest/fetch-kernel.sh" "$1") ;;
  uml) fetch=("$REPO/scripts/guest/fetch-uml.sh") make_args=(ARCH=um) ;;
  uml-sanitized) fetch=("$REPO/scripts/guest/fetch-uml.sh" --sanitized) make_args=(ARCH=um) ;;
  *) usage_error "a kernel is needed: 6.1, 6.12, 7, uml or uml-sanitized" ;;
esac
SOURCES=(kernel include/uapi)
ROOT=$BUILD/module/$1
MODULE=$ROOT/kernel/virtio_vdmabuf/virtio_vdmabuf.ko

[[ -f $REPO/kernel/Makefile ]] || die "there is no kernel/Makefile: the driver's sources are missing"
kernel=$("${fetch[@]}")
lock "module-$1"
# What the module is made of; a change of any of it builds anew.
stamp=$(cd "$REPO" && cat "$kernel/release" && find "${SOURCES[@]}" -type f -print0 | sort -z | xargs -0 sha256sum)
if [[ ! -f $MODULE || $stamp != "$(cat "$ROOT/stamp" 2>/dev/null)" ]]; then
  say "building the guest driver for $(cat "$kernel/release")"
  rm -rf "$ROOT"
  mkdir -p "$ROOT"
  (cd "$REPO" && cp -a --parents "${SOURCES[@]}" "$ROOT")
  [[ ! -f $kernel/make-args ]] || # of Debian's kernels only
    mapfile -t -O "${#make_args[@]}" make_args <"$kernel/make-args"
  make -C "$ROOT/kernel" KDIR="$kernel/headers" CC=gcc "${make_args[@]}" >"$ROOT/build.log" 2>&1 ||
    { show_tail "$ROOT/build.log" 30; die "the guest driver does not build; all messages: $ROOT/build.log"; }
  [[ -f $MODULE ]] || die "the build made no $MODULE; see $ROOT/build.log"
  echo "$stamp" >"$ROOT/stamp"
fi
echo "$MODULE"
