# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by the other scripts: where things are, messages, locks.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD=$REPO/build
ME=${0##*/}

# Epoch seconds at which the whole run began; children of one run share it.
export VDMABUF_RUN_START=${VDMABUF_RUN_START:-$EPOCHREALTIME}

# elapsed: seconds since the run began, with one decimal.
elapsed() {
  local us=$((${EPOCHREALTIME/[.,]/} - ${VDMABUF_RUN_START/[.,]/}))
  printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

# say TEXT...: one line of progress on stderr, so that stdout stays for results.
say() { printf '[%6s s] %s\n' "$(elapsed)" "$*" >&2; }

# die [-s STATUS] TEXT...: the error and what to do about it, then exit.
die() {
  local status=1
  if [[ $1 == -s ]]; then
    status=$2
    shift 2
  fi
  printf '%s: error: %s\n' "$ME" "$*" >&2
  exit "$status"
}

# usage_error TEXT...: a wrong command line.
usage_error() { die -s 2 "$* (see $ME --help)"; }

# need_commands NAME...: every one of them must be there.
need_commands() {
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null ||
      die "'$name' is not installed; run scripts/install-packages.sh first"
  done
}

# show_help FILE: the comment block at the top of a script, less its mark.
show_help() { sed -n '3,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$1"; }

# lock NAME: one process at a time makes what NAME stands for; held until the
# script ends, released too when it is killed.
lock() {
  mkdir -p "$BUILD/locks"
  exec {LOCK_FD}>"$BUILD/locks/$1"
  flock --nonblock "$LOCK_FD" && return
  say "waiting for another run that works on $1"
  flock "$LOCK_FD"
}

# show_tail FILE [LINES]: the last lines of a log, marked as such.
show_tail() {
  [[ -s $1 ]] || return 0
  printf -- '--- last lines of %s\n' "$1" >&2
  tail -n "${2:-20}" -- "$1" | sed 's/^/| /' >&2
}
