#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Takes packages out of another Debian suite without touching the system's apt:
# own sources, lists and cache under build/apt, downloads under build/downloads.
# The mirror is the one that the system's apt configuration names.
#
# Usage: scripts/apt-suite.sh SUITE names PREFIX      names that begin so
#        scripts/apt-suite.sh SUITE closure NAME...   NAME=VERSION of all that
#                                 an empty system would install for these names
#        scripts/apt-suite.sh SUITE download NAME[=VERSION]...
#                                 fetches them (newest version of that suite
#                                 where none is given), prints the files' paths
# SUITE: bookworm, bookworm-backports, trixie, trixie-backports, ...; with an
# architecture other than the system's: bookworm/i386
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
LISTS_MAX_AGE_MIN=720
DOWNLOADS=$BUILD/downloads

# The sources of the system's apt as lines "URI SUITE COMPONENT...".
system_sources() {
  local list parts
  eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
  local -a one_line=() stanzas=()
  [[ -f ${list:-} ]] && one_line+=("$list")
  local file
  for file in "${parts%/}"/*; do
    case $file in
      *.list) one_line+=("$file") ;;
      *.sources) stanzas+=("$file") ;;
    esac
  done
  ((${#one_line[@]} == 0)) || awk '
    $1 == "deb" {
      sub(/^[ \t]*deb[ \t]+/, ""); sub(/^\[[^]]*\][ \t]*/, ""); sub(/#.*/, ""); print
    }' "${one_line[@]}"
  ((${#stanzas[@]} == 0)) || awk '
    function flush(  u, s, i, j, nu, ns) {
      if (value["types"] ~ /(^| )deb( |$)/ && value["enabled"] !~ /no|false|0/) {
        nu = split(value["uris"], u, " "); ns = split(value["suites"], s, " ")
        for (i = 1; i <= nu; i++)
          for (j = 1; j <= ns; j++) print u[i], s[j], value["components"]
      }
      delete value; field = ""
    }
    FNR == 1 || /^[ \t]*$/ { flush() }
    /^#/ || /^[ \t]*$/ { next }
    /^[ \t]/ { value[field] = value[field] " " $0; next }
    {
      field = tolower($0); sub(/:.*/, "", field)
      sub(/^[^:]*:[ \t]*/, ""); value[field] = $0
    }
    END { flush() }' "${stanzas[@]}"
}

# The URI of the Debian archive that this system uses.
mirror_uri() {
  local codename uri
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  uri=$(system_sources | awk -v own="$codename" '
    $2 == own || $2 ~ /^(bookworm|trixie|stable|oldstable|testing|sid)$/ {
      for (i = 3; i <= NF; i++) if ($i == "main") { print $1; exit }
    }')
  [[ -n $uri ]] || die "the system's apt configuration names no Debian archive; add one (suite 'bookworm', component 'main') below /etc/apt"
  echo "$uri"
}

usable_lists() {
  [[ -f $STATE/updated && -z $(find "$STATE/updated" -mmin "+$LISTS_MAX_AGE_MIN") ]] &&
    cmp -s "$STATE/sources" <(sources)
}

sources() {
  local suite
  for suite in "${SUITE%-backports}" "$SUITE"; do
    printf 'deb [%ssigned-by=%s] %s %s main\n' "${ARCH:+arch=$ARCH }" "$KEYRING" "$MIRROR" "$suite"
  done | sort -u
}

update_lists() {
  [[ -r $KEYRING ]] || die "$KEYRING is missing; install debian-archive-keyring"
  say "reading the package lists of $SUITE"
  mkdir -p "$STATE"/{lists/partial,cache/archives/partial}
  : >"$STATE/status"
  sources >"$STATE/sources"
  apt-get "${APT[@]}" -qq update >"$STATE/update.log" 2>&1 ||
    { show_tail "$STATE/update.log"; die "cannot read the package lists of $SUITE; is the mirror reachable?"; }
  touch "$STATE/updated"
}

closure() {
  local out
  out=$(apt-get "${APT[@]}" -s install --no-install-recommends "$@") ||
    die "apt finds no way to install $* out of $SUITE"
  sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*/\1=\2/p' <<<"$out"
}

# file_is_whole PATH HASH: HASH as apt prints it, "SHA256:..." or "SHA512:...".
file_is_whole() {
  local tool
  case $2 in
    SHA256:*) tool=sha256sum ;;
    SHA512:*) tool=sha512sum ;;
    *) return 1 ;;
  esac
  [[ -f $1 && $($tool <"$1") == "${2#*:}  -" ]]
}

# wanted NAME...: lines "FILE HASH NAME=VERSION" in the order of the names.
wanted() {
  local uris
  uris=$(apt-get "${APT[@]}" -qq --print-uris download "$@") ||
    die "$SUITE has no package of one of these names: $*"
  awk '{ print $2, $4 }' <<<"$uris"
}

download() {
  local list file hash part
  local -a missing=()
  list=$(wanted "$@")
  mkdir -p "$DOWNLOADS"
  while read -r file hash; do
    file_is_whole "$DOWNLOADS/$file" "$hash" || missing+=("$(spec_of "$file")")
  done <<<"$list"
  if ((${#missing[@]})); then
    say "downloading ${#missing[@]} package(s) of $SUITE"
    part=$(mktemp -d "$DOWNLOADS/part.XXXXXX")
    # shellcheck disable=SC2064 # the directory of now
    trap "rm -rf '$part'" EXIT
    (cd "$part" && apt-get "${APT[@]}" -qq download "${missing[@]}") >"$STATE/download.log" 2>&1 || {
      rm -f "$STATE/updated" # perhaps the lists are older than the mirror's files
      show_tail "$STATE/download.log"
      die "download failed; try again, and look at the network if it fails once more"
    }
    mv "$part"/*.deb "$DOWNLOADS/"
  fi
  while read -r file hash; do
    file_is_whole "$DOWNLOADS/$file" "$hash" || die "$DOWNLOADS/$file is damaged; delete it and try again"
    echo "$DOWNLOADS/$file"
  done <<<"$list"
}

# spec_of FILE: NAME=VERSION of a package file's name (apt writes ':' as %3a).
spec_of() {
  local rest=${1#*_}
  rest=${rest%_*}
  echo "${1%%_*}=${rest//%3a/:}"
}

case ${1:-} in
  -h | --help) show_help "$0"; exit ;;
esac
(($# >= 3)) || usage_error "a suite, a command and at least one name are needed"
SUITE=$1 COMMAND=$2
shift 2
[[ $SUITE =~ ^([a-z]+(-backports)?)(/([a-z0-9]+))?$ ]] || usage_error "'$SUITE' is not the name of a suite"
SUITE=${BASH_REMATCH[1]} ARCH=${BASH_REMATCH[4]:-}
STATE=$BUILD/apt/$SUITE${ARCH:+-$ARCH}
APT=(
  -o Dir::Etc::sourcelist="$STATE/sources" -o Dir::Etc::sourceparts=/dev/null
  -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
  -o Dir::State="$STATE" -o Dir::State::lists="$STATE/lists" -o Dir::State::status="$STATE/status"
  -o Dir::Cache="$STATE/cache" -o Dir::Cache::archives="$STATE/cache/archives"
  -o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin
  -o APT::Default-Release="$SUITE" -o APT::Sandbox::User=
  -o Acquire::GzipIndexes=true -o Acquire::Languages=none -o Acquire::Retries=3
)
[[ -z $ARCH ]] || APT+=(-o APT::Architecture="$ARCH" -o APT::Architectures::="$ARCH")
MIRROR=$(mirror_uri)
lock "apt-$SUITE${ARCH:+-$ARCH}"
usable_lists || update_lists
case $COMMAND in
  names) apt-cache "${APT[@]}" pkgnames "$1" ;;
  closure) closure "$@" ;;
  download) download "$@" ;;
  *) usage_error "unknown command '$COMMAND'" ;;
esac
