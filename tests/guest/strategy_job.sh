#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# strategy_job.sh TOOLS DIR WAY...: in the guest, vkcube by one way after the other (strategy_test.sh
# tells what a way is). DIR/started.WAY says that it runs; it ends when DIR/done.WAY is there.
set -euo pipefail
tools=$1 dir=$2
shift 2
for way in "$@"; do
  VDMABUF_STRATEGY=${way%-*} VDMABUF_SYNC=${way#*-} VDMABUF_LOG=debug \
    "$tools/vdmabuf-run" vkcube --width 500 --height 500 &
  app=$!
  : >"$dir/started.$way"
  until [[ -e $dir/done.$way ]]; do
    kill -0 "$app" 2>/dev/null || { echo "vkcube ended by itself ($way)"; exit 1; }
    sleep 0.2
  done
  kill "$app"
  wait "$app" || true
done
