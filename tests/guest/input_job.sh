#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# input_job.sh TOOLS DIR: in the guest, vkcube under X11, and xev, which writes down what its window hears
# (input_test.sh). Then runs what comes as DIR/run.1, DIR/run.2 ..., each with its output in DIR/out.N,
# until DIR/end is there.
set -euo pipefail
tools=$1 dir=$2
VDMABUF_LOG=info "$tools/vdmabuf-run" vkcube --width 400 --height 300 >"$dir/vkcube.log" 2>&1 &
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
id=''
until [[ -n $id ]]; do
  sleep 0.1
  id=$(xwininfo -root -children | sed -n 's/^ *\(0x[0-9a-f]*\) .* 400x300+.*/\1/p' | head -1)
done
stdbuf -oL xev -id "$id" -event keyboard -event button >"$dir/xev.log" 2>&1 &
: >"$dir/started"
n=1
until [[ -e $dir/end ]]; do
  if [[ ! -e $dir/run.$n ]]; then
    sleep 0.05
    continue
  fi
  # What it leaves in the background must not keep the output open.
  sh "$dir/run.$n" >"$dir/out" 2>&1 </dev/null || true
  mv "$dir/out" "$dir/out.$n"
  n=$((n + 1))
done
