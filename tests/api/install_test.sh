#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# install_test.sh BUILD OUT: the libraries installed under OUT, and an example built against them
# with pkg-config alone, as C11 and as C++.
set -euo pipefail
build=$1 out=$2
here=$(cd "$(dirname "$0")/../.." && pwd)
rm -rf "$out"
DESTDIR=$out cmake --install "$build" --component api >/dev/null
pc=$(find "$out" -name vdmabuf-consumer.pc)
[[ -n $pc ]] || { echo "install_test: no vdmabuf-consumer.pc" >&2; exit 1; }
export PKG_CONFIG_LIBDIR=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$out
for side in consumer producer; do
  library=$(find "$out" -name "libvdmabuf-$side.so")
  [[ -L $library && -L $library.0 && $(readlink "$library.0") == libvdmabuf-$side.so.*.*.* ]] ||
    { echo "install_test: libvdmabuf-$side.so, .so.0 and .so.X.Y.Z are not there" >&2; exit 1; }
  # shellcheck disable=SC2046 # flags
  cc -std=c11 -pedantic -Wall -Wextra -Werror -D_POSIX_C_SOURCE=200809L $(pkg-config --cflags "vdmabuf-$side") \
    "$here/docs/examples/raw_$side.c" $(pkg-config --libs "vdmabuf-$side") -o "$out/raw_$side"
  echo "#include <vdmabuf/$side.h>" >"$out/include.cpp"
  # shellcheck disable=SC2046 # flags
  c++ -std=c++11 -pedantic -Wall -Wextra -Werror $(pkg-config --cflags "vdmabuf-$side") \
    -fsyntax-only "$out/include.cpp"
  # Starts, and says why it cannot go on.
  XDG_RUNTIME_DIR=$out/nowhere VDMABUF_ENDPOINT=unix:$out/nowhere LD_LIBRARY_PATH=${library%/*} \
    "$out/raw_$side" >"$out/raw_$side.log" 2>&1 && { echo "install_test: raw_$side without a broker" >&2; exit 1; }
  grep -q "raw_$side: .*nowhere" "$out/raw_$side.log" || { cat "$out/raw_$side.log" >&2; exit 1; }
done
