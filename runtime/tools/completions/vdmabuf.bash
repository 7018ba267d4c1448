# SPDX-License-Identifier: MIT
# Completion for bash of all of vdmabuf's programs: the options are those that --help shows.
_vdmabuf() {
    local word=${COMP_WORDS[COMP_CWORD]} help commands=''
    local -a command=("$1")
    if [[ $1 == *vdmabufctl ]]; then
        commands=$("$1" --help 2>/dev/null | sed -n '/^Subcommands:/,/^Examples:/s/^  \([a-z][a-z-]*\) .*/\1/p')
        local each
        for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
            [[ $'\n'$commands$'\n' != *$'\n'"$each"$'\n'* ]] || command=("$1" "$each") commands=''
        done
    fi
    help=$("${command[@]}" --help 2>/dev/null | sed -n '/^Examples:/q;p' | grep -oE -- '--[a-z][a-z-]*' | sort -u)
    mapfile -t COMPREPLY < <(compgen -W "$commands $help" -- "$word")
}
complete -o default -F _vdmabuf vdmabufctl vdmabufd vdmabuf-viewer
