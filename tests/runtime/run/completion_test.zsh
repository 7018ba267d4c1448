#!/usr/bin/env zsh
# SPDX-License-Identifier: MIT
# Completes command lines of the programs in a directory, in a zsh on a terminal of its own.
#
# Usage: completion_test.zsh COMPLETIONS TOOLS
emulate -R zsh
zmodload zsh/zpty
folder=$(mktemp -d)
trap 'rm -rf $folder' EXIT
cp $1 $folder/_vdmabuf
zpty shell TERM=dumb zsh -f -i
zpty -w shell "PS1='' path=(${(q)2} \$path) fpath=(${(q)folder} \$fpath); autoload -Uz compinit; compinit -u -d $folder/dump"
zpty -w shell 'echo rea''dy'

# Reads until a pattern comes, ten seconds long at most.
until_comes() { # PATTERN
    local all= part
    integer i
    for ((i = 0; i < 200; ++i)); do
        while zpty -rt shell part; do all+=$part; done
        [[ $all == ${~1} ]] && return 0
        sleep 0.05
    done
    print -u2 -r -- "'$1' does not come, but: $all"
    exit 1
}
until_comes '*ready*'

expect() { # TYPED BECOMES: the word that is begun has one end only
    zpty -w -n shell "$1"$'\t'
    until_comes "*$2 *"
    zpty -w -n shell $'\x15'  # and away with the line
}
expect 'vdmabufctl sc' 'vdmabufctl screenshot'
expect 'vdmabufctl watch --in' 'vdmabufctl watch --interval'
expect 'vdmabufd --vm-l' 'vdmabufd --vm-limit'
expect 'vdmabufd --vm-i' 'vdmabufd --vm-input'
expect 'vdmabuf-viewer --head' 'vdmabuf-viewer --headless'
expect 'vdmabuf-run --expl' 'vdmabuf-run --explain'
expect 'vdmabuf-run vdmabufctl doc' 'vdmabuf-run vdmabufctl doctor'
zpty -d shell
