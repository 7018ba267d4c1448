#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the Khronos conformance suite's window system tests through the layer, with vdmabufd and a
# headless viewer behind it, and counts. Once per release of the layer; docs/conformance.md has
# the results.
#
# Usage: tests/conformance/run.sh [OPTION...]
#   --source DIR     a clone of VK-GL-CTS that has the tag (its git directory will do); needed to
#                    build the suite, which is done once
#   --tag TAG        default vulkan-cts-1.4.1.3
#   --platforms LIST xcb,xlib,wayland,headless,direct_drm; default: xcb,xlib,headless
#   --mesa 25|26     with that version of Mesa; default: the system's
#   --native         without the layer, to compare with
#   --filter TEXT    only cases whose name has it
#   --out DIR        default build/conformance/results
#   --help           this text
#
# DIR gets PLATFORM.csv (case,result) and PLATFORM.qpa (the suite's own log). Exit status 0 if no
# case failed or crashed.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
HERE=$REPO/tests/conformance
SOURCE='' TAG=vulkan-cts-1.4.1.3 PLATFORMS=xcb,xlib,headless MESA=() NATIVE='' FILTER=''
OUT=$BUILD/conformance/results
while (($#)); do
  case $1 in
    -h | --help) show_help "$0"; exit ;;
    --native) NATIVE=1 ;;
    --source | --tag | --platforms | --mesa | --filter | --out)
      (($# >= 2)) || usage_error "$1 needs a value"
      case $1 in
        --source) SOURCE=$2 ;;
        --tag) TAG=$2 ;;
        --platforms) PLATFORMS=$2 ;;
        --mesa) MESA=("$("$REPO/scripts/fetch-mesa.sh" "$2")") ;;
        --filter) FILTER=$2 ;;
        --out) OUT=$2 ;;
      esac
      shift
      ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift
done
SUITE=$BUILD/conformance/$TAG
CASES=$SUITE/wsi.txt
LIMIT_S=60 # for one case

# What these tests need of the suite, by its folders: a clone may lack what others need.
unpack() {
  local part=$SUITE.part folder
  rm -rf "$part"
  for folder in framework targets/default external/vulkancts/framework external/vulkancts/modules; do
    mkdir -p "$part/source"
    git -C "$SOURCE" archive --prefix="$folder/" "$TAG:$folder" | tar -x -C "$part/source"
  done
  git -C "$SOURCE" show "$TAG:external/vulkancts/mustpass/main/vk-default/wsi.txt" >"$part/wsi.txt"
  python3 "$HERE/cut_package.py" "$part/source"
  rm -rf "$SUITE"
  mv "$part" "$SUITE"
}

# What the suite was built by; another recipe builds it anew.
recipe() { cat "$HERE/CMakeLists.txt" "$HERE/cut_package.py" | sha256sum; }
suite_is_current() {
  [[ -x $SUITE/build/deqp-vk && -f $CASES && -f $SUITE/recipe && $(<"$SUITE/recipe") == "$(recipe)" ]]
}

build_suite() {
  [[ -n $SOURCE ]] || usage_error "the suite is not built yet: --source is needed, a clone of VK-GL-CTS"
  say "building the suite's window system tests (once, some minutes)"
  unpack
  cmake -G Ninja -S "$HERE" -B "$SUITE/build" -DCTS="$SUITE/source" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >"$SUITE/configure.log" 2>&1 ||
    { show_tail "$SUITE/configure.log"; die "the suite cannot be configured; see $SUITE/configure.log"; }
  cmake --build "$SUITE/build" --target deqp-vk >"$SUITE/build.log" 2>&1 ||
    { show_tail "$SUITE/build.log"; die "the suite does not build; see $SUITE/build.log"; }
  recipe >"$SUITE/recipe"
}

# Results of a log as lines "case,result".
results_of() {
  awk '/^#beginTestCaseResult/ { name = $2; result = "Crash" }
       /<Result StatusCode=/ { match($0, /StatusCode="[^"]*"/); result = substr($0, RSTART + 12, RLENGTH - 13) }
       /^#endTestCaseResult/ { print name "," result; name = "" }
       /^#terminateTestCaseResult/ { print name ",Crash"; name = "" }
       END { if (name) print name ",Crash" }' "$1"
}

# run_platform NAME: all of its cases; the run goes on behind a case that crashed or hung.
run_platform() {
  local name=$1 csv=$OUT/$1.csv todo=$OUT/$1.todo log=$OUT/$1.part.qpa left
  : >"$csv"
  : >"$OUT/$name.qpa"
  grep "^dEQP-VK\.wsi\.$name\." "$CASES" | grep -F -- "$FILTER" >"$todo" || die "no case of $name has '$FILTER' in its name"
  while [[ -s $todo ]]; do
    rm -f "$log"
    (cd "$OUT" && "${RUN[@]}" "$SUITE/build/deqp-vk" --deqp-caselist-file="$todo" --deqp-log-filename="$log" \
      --deqp-log-images=disable --deqp-log-flush=enable --deqp-watchdog=disable) >"$OUT/$name.out" 2>&1 &
    watch_case "$!" "$log"
    [[ -s $log ]] || { show_tail "$OUT/$name.out"; die "the suite did not start; see $OUT/$name.out"; }
    results_of "$log" >>"$csv"
    cat "$log" >>"$OUT/$name.qpa"
    left=$(comm -23 <(sort "$todo") <(cut -d, -f1 "$csv" | sort))
    if [[ -n $left && $(wc -l <<<"$left") == "$(wc -l <"$todo")" ]]; then
      # Nothing came out of it at all: the first one is to blame.
      echo "$(head -n 1 "$todo"),Crash" >>"$csv"
    fi
    comm -23 <(sort "$todo") <(cut -d, -f1 "$csv" | sort) >"$todo.next"
    mv "$todo.next" "$todo"
  done
  rm -f "$todo" "$log"
}

# Waits for the suite; ends it when its log has not grown for LIMIT_S.
watch_case() {
  local size=0 now=0 quiet=0
  while kill -0 "$1" 2>/dev/null; do
    sleep 1
    now=$(stat -c %s "$2" 2>/dev/null || echo 0)
    if ((now == size)); then ((++quiet)); else quiet=0; fi
    size=$now
    if ((quiet >= LIMIT_S)); then pkill -KILL -P "$1" || true; kill -KILL "$1" || true; fi
  done
  wait "$1" || true
}

need_commands cmake ninja python3
suite_is_current || build_suite
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd -P)
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
TOOLS=$BUILD/release/runtime/tools
RUN=("${MESA[@]}")
if [[ -n $NATIVE ]]; then
  export DISABLE_VDMABUF=1
else
  "$TOOLS/vdmabufd" >"$OUT/vdmabufd.log" 2>&1 &
  PIDS+=($!)
  for ((i = 0; i < 200; i++)); do [[ ! -S $RUN_DIR/vdmabuf/consumer.sock ]] || break; sleep 0.05; done
  "$TOOLS/vdmabuf-viewer" --headless --refresh 0 >"$OUT/viewer.log" 2>&1 &
  PIDS+=($!)
  RUN+=("$TOOLS/vdmabuf-run")
fi
Xvfb -displayfd 1 -noreset -screen 0 1280x1024x24 -nolisten tcp >"$RUN_DIR/display" 2>/dev/null &
PIDS+=($!)
for ((i = 0; i < 200; i++)); do [[ ! -s $RUN_DIR/display ]] || break; sleep 0.05; done
DISPLAY=:$(cat "$RUN_DIR/display")
export DISPLAY
if [[ $PLATFORMS == *wayland* ]]; then
  weston --backend=headless-backend.so --use-pixman --socket=conformance >"$OUT/weston.log" 2>&1 &
  PIDS+=($!)
  export WAYLAND_DISPLAY=conformance
  for ((i = 0; i < 200; i++)); do [[ ! -S $RUN_DIR/conformance ]] || break; sleep 0.05; done
fi

bad=0
IFS=, read -ra names <<<"$PLATFORMS"
for name in "${names[@]}"; do
  say "running dEQP-VK.wsi.$name"
  run_platform "$name"
  say "$name: $(cut -d, -f2 "$OUT/$name.csv" | sort | uniq -c | awk '{ printf "%s%s %s", sep, $1, $2; sep = ", " }')"
  if grep -qvE ',(Pass|NotSupported|QualityWarning|CompatibilityWarning)$' "$OUT/$name.csv"; then bad=1; fi
done
exit "$bad"
