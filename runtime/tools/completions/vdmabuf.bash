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
    help=$("${command[@]}" --help 2>/dev/null | sed '/^Examples:/,$d' | grep -oE -- '--[a-z][a-z-]*' | sort -u)
    mapfile -t COMPREPLY < <(compgen -W "$commands $help" -- "$word")
}
complete -o default -F _vdmabuf vdmabufctl vdmabufd vdmabuf-viewer

# Its options, then what the program that it starts would complete.
_vdmabuf_run() {
    local i
    for ((i = 1; i < COMP_CWORD; ++i)); do
        case ${COMP_WORDS[i]} in
            --endpoint | --gl) ((++i)) ;;
            -*) ;;
            *) declare -F _command_offset >/dev/null && _command_offset "$i"; return ;;
        esac
    done
    if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
        _vdmabuf "$1"
    else
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    fi
}
complete -o default -F _vdmabuf_run vdmabuf-run
