#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What other people's programs say of EGL on X11, without the EGL library and with it: eglinfo, waffle's
# wflinfo, and, on request, piglit's tests of EGL.
#
# Usage: suites_test.sh [--piglit] --out DIR
#   --piglit   runs piglit's (Debian's package has 2 GB: it is not installed by the tests) instead, and
#              lists in DIR/piglit what came of each; fails where a result is worse
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
PIGLIT=''
if [[ ${1:-} == --piglit ]]; then PIGLIT=1 && shift; fi
[[ ${1:-} == --out && $# == 2 ]] || usage_error "--out DIR is needed"
OUT=$(realpath -m -- "$2")
BUILT=${VDMABUF_BUILD_DIR:-$BUILD/release}
need_commands Xvfb eglinfo wflinfo setpriv
rm -rf "$OUT"
mkdir -p "$OUT"
RUN_DIR=$(mktemp -d)
PIDS=()
cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$RUN_DIR"
}
trap cleanup EXIT
export XDG_RUNTIME_DIR=$RUN_DIR
unset DISPLAY WAYLAND_DISPLAY XAUTHORITY EGL_PLATFORM DISABLE_VDMABUF VDMABUF_GL
setpriv --pdeathsig TERM "$BUILT/runtime/tools/vdmabufd" >"$OUT/vdmabufd.log" 2>&1 &
PIDS+=($!)
mkfifo "$RUN_DIR/display"
# shellcheck disable=SC2016 # for that shell
setpriv --pdeathsig TERM sh -c 'exec Xvfb -displayfd 3 -screen 0 1280x1024x24 -nolisten tcp -noreset 3>"$1"' sh \
  "$RUN_DIR/display" >"$OUT/xvfb.log" 2>&1 &
PIDS+=($!)
read -r -t 20 number <"$RUN_DIR/display" || die "Xvfb does not start"
export DISPLAY=:$number
for ((i = 0; i < 200; i++)); do
  [[ ! -S $RUN_DIR/vdmabuf/producer.sock ]] || break
  sleep 0.05
done
export __EGL_VENDOR_LIBRARY_DIRS=$BUILT/json/glvnd/egl_vendor.d:/etc/glvnd/egl_vendor.d:/usr/share/glvnd/egl_vendor.d

# ways COMMAND...: into OUT/NAME.0 and OUT/NAME.1, without and with the library.
ways() { # NAME COMMAND...
  local name=$1 way
  shift
  for way in 0 1; do
    ENABLE_VDMABUF=$way VDMABUF_LOG=error timeout 60 "$@" >"$OUT/$name.$way" 2>"$OUT/$name.$way.errors" ||
      echo "status $?" >>"$OUT/$name.$way"
  done
}

if [[ -z $PIGLIT ]]; then
  ways eglinfo eglinfo
  sed -i '/^status/d' "$OUT"/eglinfo.[01] # it ends with 1 where a platform is missing
  python3 -B "$REPO/tests/egl/compare_eglinfo.py" "$OUT/eglinfo.0" "$OUT/eglinfo.1" || die "eglinfo differs"
  for platform in x11_egl surfaceless_egl; do
    for api in gl gles1 gles2 gles3; do
      ways "wflinfo-$platform-$api" wflinfo --platform "$platform" --api "$api" --verbose
      cmp "$OUT/wflinfo-$platform-$api".[01] || die "wflinfo --platform $platform --api $api differs"
      ! grep -q '^status' "$OUT/wflinfo-$platform-$api.1" || [[ $api == gles1 ]] || die "wflinfo fails"
    done
  done
  say "eglinfo and 8 ways of wflinfo: as without"
  exit
fi

PROGRAMS=/usr/lib/$(uname -m)-linux-gnu/piglit
[[ -d $PROGRAMS ]] || die "Debian's package piglit is not installed"
export PIGLIT_PLATFORM=x11_egl LD_LIBRARY_PATH=$PROGRAMS/lib
: >"$OUT/piglit"
worse=0
for program in "$PROGRAMS"/bin/egl[-_]*; do
  name=$(basename "$program")
  # Some of them crash now and then, with Mesa alone as well.
  for ((i = 0; i < 10; i++)); do
    ways "$name" "$program" -auto
    for way in 0 1; do
      result=$(sed -n 's/.*PIGLIT: *{"result": *"\([a-z]*\)".*/\1/p' "$OUT/$name.$way" | tail -1)
      results[way]=${result:-crash}
    done
    [[ ${results[*]} == *crash* ]] || break
  done
  echo "$name ${results[0]} ${results[1]}" >>"$OUT/piglit"
  case ${results[*]} in
    "pass pass" | "skip "* | "fail "*) ;;
    *) echo "$name: ${results[0]} without, ${results[1]} with" && worse=$((worse + 1)) ;;
  esac
done
say "$(wc -l <"$OUT/piglit") tests, $worse worse: $OUT/piglit"
((worse == 0))
