#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Completes command lines of the programs in a directory, as bash would.
#
# Usage: completion_test.sh COMPLETIONS TOOLS
set -euo pipefail
# shellcheck source=/dev/null
. "$1"
TOOLS=$2

expect() { # expect WORDS COMPLETION...: of the last word
  local -a wanted=("${@:2}")
  read -ra COMP_WORDS <<<"$1"
  [[ $1 != *' ' ]] || COMP_WORDS+=('')
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMP_WORDS[0]=$TOOLS/${COMP_WORDS[0]} COMPREPLY=()
  _vdmabuf "${COMP_WORDS[0]}"
  [[ "${COMPREPLY[*]}" == "${wanted[*]}" ]] || {
    echo "'$1' gives '${COMPREPLY[*]}', not '${wanted[*]}'" >&2
    exit 1
  }
}
expect 'vdmabufctl sc' screenshot
expect 'vdmabufctl st' stats
expect 'vdmabufctl watch --in' --interval
expect 'vdmabufctl watch sta'
expect 'vdmabufd --vm-' --vm-input --vm-limit
expect 'vdmabuf-viewer --head' --headless
expect 'vdmabuf-viewer --conf' --config
