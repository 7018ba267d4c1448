#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# input_test.sh --vmm uml|qemu --out DIR: what a user does in a window on the host, in an app of a guest:
# the viewer runs under Xvfb and is driven by xdotool; vkcube in the guest, under an X server of its own, gets
# keys, clicks and the wheel, lets go of keys when the focus goes, and text is copied and pasted
# both ways, large ones too.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
[[ $# == 4 && $1 == --vmm && $3 == --out ]] || usage_error "--vmm uml|qemu --out DIR"
[[ -n ${VDMABUF_HAS_DISPLAY:-} ]] ||
  VDMABUF_HAS_DISPLAY=1 exec "$REPO/scripts/guest/with-xvfb.sh" --size 800x600 "${BASH_SOURCE[0]}" "$@"
# shellcheck source=tests/guest/host.sh
. "$REPO/tests/guest/host.sh"
need_commands xdotool xclip xev
TOOLS=$BIN/runtime/tools
LIMIT_S=60 # for what a loaded machine has to do

begin "$4"
export XDG_RUNTIME_DIR=$SOCKETS
start_vdmabufd
start_guest --vmm "$2" --timeout 300 -- "$REPO/scripts/guest/with-xvfb.sh" "$REPO/tests/guest/input_job.sh" "$TOOLS" "$OUT/guest"
SDL_VIDEODRIVER=x11 setpriv --pdeathsig TERM "$TOOLS/vdmabuf-viewer" --no-broker >"$OUT/viewer.log" 2>&1 &
PIDS+=("$!")
setpriv --pdeathsig TERM xev -name other >"$OUT/other.log" 2>&1 &
PIDS+=("$!")

give_up() {
  show_tail "$OUT/viewer.log"
  show_tail "$OUT/guest/xev.log" 2>/dev/null || true
  die "$*"
}
# until_true WHAT COMMAND...: waits for it.
until_true() {
  local what=$1 end=$((SECONDS + LIMIT_S))
  shift
  until "$@"; do
    ((SECONDS < end)) || give_up "$what: it did not come"
    kill -0 "$GUEST" 2>/dev/null || { cat "$OUT/boot.log"; give_up "the guest has ended"; }
    sleep 0.1
  done
}
act() { xdotool search --onlyvisible --name "^$1" "${@:2}" >/dev/null 2>>"$OUT/xdotool.log"; }
# heard COUNT EVENT WORDS: xev's window heard so many of it so far, e.g. KeyPress 'keycode 38 '.
heard() {
  (($(awk -v event="$2 event," -v words="$3" 'index($0, event) { on = 3 } on-- > 0 && index($0, words) { n++; on = 0 }
    END { print n + 0 }' "$OUT/guest/xev.log") == $1))
}
N=1
# in_guest COMMAND: runs it there, and shows what it says.
in_guest() {
  printf '%s\n' "$1" >"$OUT/guest/next"
  mv "$OUT/guest/next" "$OUT/guest/run.$N"
  until_true "an answer of the guest" test -e "$OUT/guest/out.$N"
  cat "$OUT/guest/out.$N"
  N=$((N + 1))
}
# same_in_guest FILE: the guest's clipboard is as this file, which lies in the guest's folder.
same_in_guest() {
  in_guest "timeout 10 xclip -selection clipboard -o -t UTF8_STRING | cmp - '$1' && echo same" >"$OUT/answer"
  grep -qx same "$OUT/answer"
}
same_here() { timeout 10 xclip -selection clipboard -o -t UTF8_STRING 2>/dev/null | cmp -s - "$1"; }

until_true "vkcube in the guest" test -e "$OUT/guest/started"
until_true "its window here" act vkcube
until_true "xev's window" act other
began=$SECONDS
act vkcube windowmove 0 0 windowfocus --sync key a mousemove --window %1 100 50 click 1 click 5
until_true "the key" heard 1 KeyPress 'keycode 38 '
until_true "its release" heard 1 KeyRelease 'keycode 38 '
until_true "the button" heard 1 ButtonPress 'button 1,'
until_true "the wheel" heard 1 ButtonPress 'button 5,'
heard 2 ButtonPress '(100,50)' || give_up "they were not where the pointer was"
act vkcube keydown b
until_true "the second key" heard 1 KeyPress 'keycode 56 '
heard 0 KeyRelease 'keycode 56 ' || give_up "the second key was released though it is down"
act other windowfocus --sync
until_true "the release when the focus went" heard 1 KeyRelease 'keycode 56 '
act other keyup b key c
say "input after $((SECONDS - began)) s"

share=$OUT/guest
printf 'of the host: \xe2\x82\xac\n' >"$share/text1"
printf 'of the guest: \xe2\x82\xac\n' >"$share/text2"
seq -f 'line %.0f of a large text' 40000 >"$share/text3"
truncate -s 1000000 "$share/text3"
{ echo 'and back'; head -c 999990 "$share/text3"; } >"$share/text4"
in_guest "xclip -selection clipboard -i </dev/null" # with an empty clipboard nothing is said
xclip -selection clipboard -i "$share/text1" >/dev/null 2>&1
act vkcube windowfocus --sync
until_true "the host's text in the guest" same_in_guest "$share/text1"
in_guest "xclip -selection clipboard -i '$share/text2'"
until_true "the guest's text here" same_here "$share/text2"
xclip -selection clipboard -i "$share/text3" >/dev/null 2>&1
until_true "a large text in the guest" same_in_guest "$share/text3"
in_guest "xclip -selection clipboard -i '$share/text4'"
until_true "a large text here" same_here "$share/text4"
# Without the focus, the guest is told nothing.
act other windowfocus --sync
echo secret >"$OUT/secret"
xclip -selection clipboard -i "$OUT/secret" >/dev/null 2>&1
sleep 1
same_in_guest "$share/text4" || give_up "the guest has a text that it must not have"
heard 0 KeyPress 'keycode 54 ' || give_up "the guest heard a key of another window"
say "input and clipboard after $((SECONDS - began)) s"

: >"$share/end"
guest_status
expect_no_kernel_reports "$OUT/guest/"*.log "$OUT/boot.log"
