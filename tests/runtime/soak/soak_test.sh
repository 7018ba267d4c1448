#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# soak_test.sh: windows of three kinds of apps open, are resized on either side and end, at random,
# and again and again, while broker, keeper and viewer run on. After each round everything has to be
# as it was: descriptors, threads, memfds, streams, and (nearly) memory.
#
# Usage: soak_test.sh --seconds N --out DIR [--seed N]
#
# Rounds of some seconds; the first two are for warming up (drivers keep some things for good).
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../scripts/common.sh"
SECONDS_WANTED='' OUT='' RANDOM=$$ SEED=$RANDOM
while (($#)); do
  case $1 in
    --seconds) SECONDS_WANTED=$2 ;;
    --out) OUT=$2 ;;
    --seed) SEED=$2 ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift 2
done
[[ -n $SECONDS_WANTED && -n $OUT ]] || usage_error "--seconds N and --out DIR are needed"
BIN=${VDMABUF_BUILD_DIR:-$BUILD/release}
TOOLS=$BIN/runtime/tools
MAX_APPS=6
ROUND_SECONDS=5
MEMORY_KIB=16384 # that a process may grow by from the second round to the last one

rm -rf "$OUT"
mkdir -p "$OUT"
XDG_RUNTIME_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR
HELPERS=() APPS=()
cleanup() {
  kill "${APPS[@]}" "${HELPERS[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$XDG_RUNTIME_DIR"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

start_x() { # FILE: an X server; its display's name is in FILE
  setpriv --pdeathsig TERM Xvfb -displayfd 3 -screen 0 1280x800x24 -noreset 3>"$1" 2>/dev/null &
  HELPERS+=("$!")
  for ((i = 0; i < 200; i++)); do [[ ! -s $1 ]] || return 0; sleep 0.05; done
  die "Xvfb does not start"
}
start_x "$OUT/host-display"
start_x "$OUT/app-display"
HOST=:$(<"$OUT/host-display") GUEST=:$(<"$OUT/app-display")

setpriv --pdeathsig TERM "$TOOLS/vdmabufd" >"$OUT/vdmabufd.log" 2>&1 &
KEEPER=$!
HELPERS+=("$KEEPER")
for ((i = 0; i < 200; i++)); do [[ ! -S $XDG_RUNTIME_DIR/vdmabuf/consumer.sock ]] || break; sleep 0.05; done
DISPLAY=$HOST SDL_VIDEODRIVER=x11 setpriv --pdeathsig TERM "$TOOLS/vdmabuf-viewer" >"$OUT/viewer.log" 2>&1 &
VIEWER=$!
HELPERS+=("$VIEWER")
BROKER=$(pgrep -P "$KEEPER") || die "the keeper has no broker"
declare -A PIDS=([keeper]=$KEEPER [broker]=$BROKER [viewer]=$VIEWER)

streams() { timeout 5 "$TOOLS/vdmabufctl" list --json | jq -r '.streams[].id'; }
count_streams() { streams | wc -l; }
any() { (($# > 0)) && shift $((RANDOM % $#)) && echo "$1"; }

open_app() { # [KIND]
  local width=$((64 + RANDOM % 800)) height=$((64 + RANDOM % 600))
  case ${1:-$((RANDOM % 3))} in
    0) DISPLAY=$GUEST exec "$TOOLS/vdmabuf-run" vkcube --width $width --height $height --present_mode $((RANDOM % 3)) ;;
    1) DISPLAY=$GUEST exec "$TOOLS/vdmabuf-run" es2gears_x11 ;;
    2) exec "$BIN/tests/runtime/viewer/pattern_app" --endpoint "$XDG_RUNTIME_DIR/vdmabuf/producer.sock" \
      --width $width --height $height --hz $((10 + RANDOM % 100)) --frames 1000000 ;;
  esac >>"$OUT/apps.log" 2>&1 &
  APPS+=("$!")
  disown # bash would tell of those that are killed
}
resize_window() { # DISPLAY
  local windows
  windows=$(DISPLAY=$1 xdotool search --onlyvisible --name . 2>/dev/null) || return 0
  # shellcheck disable=SC2086
  DISPLAY=$1 xdotool windowsize "$(any $windows)" $((64 + RANDOM % 800)) $((64 + RANDOM % 600)) 2>/dev/null || true
}
prune_apps() {
  local pid left=()
  for pid in "${APPS[@]}"; do if kill -0 "$pid" 2>/dev/null; then left+=("$pid"); fi; done
  APPS=("${left[@]}")
}
step() {
  prune_apps
  case $((RANDOM % 10)) in
    [0-3]) if ((${#APPS[@]} < MAX_APPS)); then open_app; fi ;;
    [4-5]) resize_window "$GUEST" ;;
    6) resize_window "$HOST" ;;
    7) if ((${#APPS[@]} > 0)); then kill "$(any "${APPS[@]}")" 2>/dev/null || true; fi ;;
    8) if ((${#APPS[@]} > 0)); then kill -KILL "$(any "${APPS[@]}")" 2>/dev/null || true; fi ;;
    9)
      local all
      all=$(streams)
      # shellcheck disable=SC2086
      if [[ -n $all ]]; then "$TOOLS/vdmabufctl" close "$(any $all)" 2>/dev/null || true; fi
      ;;
  esac
}
end_round() {
  ((${#APPS[@]} == 0)) || kill "${APPS[@]}" 2>/dev/null || true
  for ((i = 0; i < 200 && ${#APPS[@]} > 0; i++)); do sleep 0.05; prune_apps; done
  ((${#APPS[@]} == 0)) || die "apps do not end (seed $SEED)"
  for ((i = 0; i < 200; i++)); do [[ $(count_streams) != 0 ]] || break; sleep 0.05; done
  [[ $(count_streams) == 0 ]] || die "streams are left of apps that have ended (seed $SEED)"
  sleep 1 # the viewer closes its windows, the broker looks for who holds buffers
}
# What a process has: descriptors, memfds and dmabufs among them, threads, KiB of its own memory.
sample() { # PID
  local fds=(/proc/"$1"/fd/*)
  echo "${#fds[@]} $(find /proc/"$1"/fd -lname '/memfd:*' -o -lname '/dmabuf:*' | wc -l)" \
    "$(find /proc/"$1"/task -mindepth 1 -maxdepth 1 | wc -l) $(awk '/^RssAnon/ { print $2 }' /proc/"$1"/status)"
}

say "for $SECONDS_WANTED seconds, seed $SEED"
RANDOM=$SEED
declare -A BEFORE
end=$((${EPOCHREALTIME%[.,]*} + SECONDS_WANTED))
for ((round = 1; round <= 4 || ${EPOCHREALTIME%[.,]*} < end; round++)); do
  # Each kind at least once.
  for kind in 0 1 2; do open_app "$kind"; done
  until_round=$((${EPOCHREALTIME%[.,]*} + ROUND_SECONDS))
  while ((${EPOCHREALTIME%[.,]*} < until_round)); do
    step
    sleep 0.1$((RANDOM % 10))
  done
  end_round
  line="round $round:"
  for name in keeper broker viewer; do
    kill -0 "${PIDS[$name]}" 2>/dev/null || { show_tail "$OUT/vdmabufd.log"; show_tail "$OUT/viewer.log"; die "the $name has ended (seed $SEED)"; }
    now=$(sample "${PIDS[$name]}")
    line+=" $name $now;"
    if ((round == 2)); then BEFORE[$name]=$now; fi
    ((round > 2)) || continue
    read -r fds files threads memory <<<"$now"
    read -r fds_before files_before threads_before memory_before <<<"${BEFORE[$name]}"
    if ((fds > fds_before || files > files_before || threads > threads_before)); then
      ls -l /proc/"${PIDS[$name]}"/fd >&2
      die "the $name has more than after round 2 (descriptors, memfds and dmabufs, threads: $now, were ${BEFORE[$name]}; seed $SEED)"
    fi
    ((memory <= memory_before + MEMORY_KIB)) ||
      die "the $name has grown from $memory_before to $memory KiB (seed $SEED)"
  done
  say "$line (descriptors, files of memory, threads, KiB)"
done
[[ $(pgrep -P "$KEEPER") == "$BROKER" ]] || die "the broker was started anew (seed $SEED)"
say "$((round - 1)) rounds, $(grep -c 'stream .*:' "$OUT/viewer.log" || true) lines about streams"
