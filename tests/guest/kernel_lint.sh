#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kernel_lint.sh --out DIR: builds the guest driver against Debian's 6.1, 6.12 and 7.x headers
# with all warnings and sparse (which those of 7.x come without), once more from a folder as dkms
# has it, and runs checkpatch over it. Fails on anything that any of them says.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ $# == 2 && $1 == --out ]] || usage_error "--out DIR"
OUT=$2
need_commands sparse perl
rm -rf "$OUT"
mkdir -p "$OUT"
dkms_name() { sed -n 's/^BUILT_MODULE_NAME\[0\]="\(.*\)"$/\1/p' "$REPO/kernel/virtio_vdmabuf/dkms.conf"; }
for version in 6.1 6.12 7; do
  kernel=$("$REPO/scripts/guest/fetch-kernel.sh" "$version")
  log=$OUT/build-$version.log
  mapfile -t args <"$kernel/make-args"
  say "building for $(cat "$kernel/release")"
  make -C "$REPO/kernel" KDIR="$kernel/headers" OUT="$OUT/$version" "${args[@]}" \
    W=1 C=2 CF=-D__CHECK_ENDIAN__ >"$log" 2>&1 || { show_tail "$log" 40; die "the driver does not build for $version"; }
  if grep -E ': (warning|error):|WARNING:|ERROR:' "$log"; then die "see $log"; fi
  # Sparse says nothing when it did not run, too.
  [[ $version == 7 ]] || grep -q '  CHECK ' "$log" || die "sparse did not run; see $log"
  dkms=$OUT/dkms-$version
  mkdir "$dkms"
  cp -r "$REPO"/kernel/virtio_vdmabuf/* "$REPO/include/uapi" "$dkms/"
  make -C "$kernel/headers" M="$dkms" CC=gcc "${args[@]}" modules >"$dkms.log" 2>&1 ||
    { show_tail "$dkms.log" 40; die "the driver does not build for $version as dkms does it"; }
  [[ -f $dkms/$(dkms_name).ko ]] || die "dkms would not find the module; see $dkms.log"
done
checkpatch=$("$REPO/scripts/guest/fetch-uml.sh")/headers/scripts/checkpatch.pl
say "checkpatch"
perl "$checkpatch" --no-tree --strict --terse --max-line-length=100 -f "$REPO"/kernel/virtio_vdmabuf/*.[ch] \
  "$REPO/include/uapi/linux/virtio_vdmabuf.h"
