#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# guide_test.sh BUILD OUT: the programs of docs/api.md, compiled as they stand there, and run with each
# other through a broker.
set -euo pipefail
build=$1 out=$2
here=$(cd "$(dirname "$0")/../.." && pwd)
rm -rf "$out"
mkdir -p "$out"
awk -v out="$out" '/^```c$/ { file = out "/" ++n ".c"; next } /^```/ { file = "" } file { print > file }' \
  "$here/docs/api.md"
[[ -f $out/2.c && ! -f $out/3.c ]] || { echo "guide_test: two programs are expected" >&2; exit 1; }
for n in 1 2; do
  side=consumer
  ((n == 2)) || side=producer
  cc -std=c11 -pedantic -Wall -Wextra -Werror -I"$here/include" "$out/$n.c" -L"$build/runtime/api" \
    -lvdmabuf-"$side" -Wl,-rpath,"$build/runtime/api" -o "$out/$side"
done
sockets=$(mktemp -d)
export XDG_RUNTIME_DIR=$sockets VDMABUF_ENDPOINT=unix:$sockets/vdmabuf/producer.sock
setpriv --pdeathsig TERM "$build/runtime/tools/vdmabufd" >"$out/host.log" 2>&1 &
host=$!
trap 'kill "$host" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$sockets"' EXIT
for ((i = 0; i < 200; i++)); do
  [[ ! -S $sockets/vdmabuf/consumer.sock ]] || break
  sleep 0.05
done
timeout 30 "$out/producer" &
producer=$!
said=$(timeout 30 "$out/consumer")
wait "$producer"
echo "$said"
[[ $said == "written after the hand-over" ]]
