#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs User Mode Linux and ends all of it. Its guest's processes are processes
# of the host, in a session that it opens; those that were running when it is
# ended from outside would run on.
#
# Usage: scripts/guest/uml-session.sh COMMAND [ARG...]
set -uo pipefail

"$@" &
LEADER=$!
end_all() { kill -KILL -- "-$LEADER" "$LEADER" 2>/dev/null; }
trap end_all EXIT
trap 'exit 143' INT TERM HUP
wait "$LEADER"
