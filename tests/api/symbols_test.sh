#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# symbols_test.sh LIBRARY LIST: the library exports the functions of the list and nothing else, has
# a SONAME with a version, and needs neither Vulkan nor a window system.
set -euo pipefail
library=$1 list=$2
# A sanitizer's own names are no part of the interface.
found=$(nm -D --defined-only --format=just-symbols "$library" | sed 's/@.*//' |
  grep -v '^VDMABUF_[A-Z]*_0$' | sort)
if ! diff <(sort "$list") <(echo "$found"); then
  echo "symbols_test: $library does not export what $list says" >&2
  exit 1
fi
dynamic=$(readelf -d "$library")
grep -qE 'SONAME.*\[libvdmabuf-(consumer|producer)\.so\.0\]' <<<"$dynamic" || {
  echo "symbols_test: no SONAME" >&2
  exit 1
}
if grep -E 'NEEDED.*(vulkan|X11|xcb|wayland|SDL)' <<<"$dynamic"; then
  echo "symbols_test: it must not need these" >&2
  exit 1
fi
# No code that may be written to, no text relocations.
! grep -q TEXTREL <<<"$dynamic"
