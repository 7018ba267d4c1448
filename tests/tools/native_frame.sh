#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# native_frame.sh N WxH FILE.png: the Nth frame of vkcube as the driver's own WSI shows it, read
# from a virtual X server. vkcube turns by the same angle with every frame, so that the Nth frame
# is the same picture on every way to the screen. A debugger holds vkcube when it is done with its
# last frame, before the window goes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
[[ $# == 3 ]] || { echo "usage: native_frame.sh N WxH FILE.png" >&2; exit 2; }
frames=$1 width=${2%x*} height=${2#*x} file=$3
tools=${VDMABUF_TEST_TOOLS:-$here/../../build/release/tests/tools}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export tools file DISABLE_VDMABUF=1
if ! "$here/../../scripts/guest/with-xvfb.sh" --size "$((width + 100))x$((height + 100))" \
  gdb -nx -batch -ex 'set pagination off' -ex 'set confirm off' -ex 'set breakpoint pending on' \
  -ex 'set print inferior-events off' -ex 'break vkDeviceWaitIdle' -ex run -ex finish \
  -ex 'shell "$tools/grab_window" top "$file"' -ex kill \
  --args vkcube --c "$frames" --width "$width" --height "$height" >"$log" 2>&1 || [[ ! -s $file ]]; then
  tail -n 30 "$log" >&2
  echo "native_frame.sh: no picture" >&2
  exit 1
fi
