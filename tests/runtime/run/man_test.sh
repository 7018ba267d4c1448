#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Man pages: well-formed, and each has every option of its program's --help.
#
# Usage: man_test.sh PAGES TOOLS
set -euo pipefail
for program in vdmabufd vdmabuf-viewer vdmabufctl vdmabuf-run; do
  page=$1/$program.1
  warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings --encoding=UTF-8 -l "$page" 2>&1 >/dev/null)
  [[ -z $warnings ]] || { echo "$page: $warnings" >&2; exit 1; }
  text=$(LC_ALL=C MANWIDTH=200 man -l "$page" | col -b)
  for section in NAME SYNOPSIS DESCRIPTION OPTIONS EXAMPLES 'EXIT STATUS' 'SEE ALSO'; do
    grep -qx "$section" <<<"$text" || { echo "$page has no section $section" >&2; exit 1; }
  done
  options=$("$2/$program" --help | sed -n '/^Options:/,/^[^ ]/p' | grep -oE '^  (-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+')
  (($(wc -l <<<"$options") >= 3)) || { echo "$program --help shows no options" >&2; exit 1; }
  while read -r option; do
    grep -qE -- "^ +(-., )?$option( |$)" <<<"$text" || { echo "$page has no $option" >&2; exit 1; }
  done <<<"$options"
  # Nothing of the machine that it was made on.
  if grep -nE '/(root|home|work|build)/' <<<"$text" | grep -v '/home/[.][.][.]' >&2; then exit 1; fi
done
