#compdef vdmabufctl vdmabufd vdmabuf-viewer vdmabuf-run
# SPDX-License-Identifier: MIT
# Completion for zsh of all of vdmabuf's programs: options and texts are those that --help shows.

# Entries of a section of --help as NAME:TEXT, wrapped texts put together.
_vdmabuf_entries() { # SECTION COMMAND...
    local section=$1
    shift
    "$@" --help 2>/dev/null | awk -v section="$section:" '
        function done() { if (name != "") print name ":" text; name = "" }
        /^[^ ]/ { done(); inside = $0 == section; next }
        !inside { next }
        /^  [^ ]/ {
            done()
            line = substr($0, 3)
            at = match(line, /  +/)
            text = at ? substr(line, at + RLENGTH) : ""
            name = at ? substr(line, 1, at - 1) : line
            sub(/^-., /, "", name)
            sub(/ .*/, "", name)
            next
        }
        /^ +[^ ]/ { sub(/^ +/, ""); text = text == "" ? $0 : text " " $0 }
        END { done() }'
}

_vdmabuf() {
    local -a command=($words[1]) commands options
    if [[ $words[1] == *vdmabuf-run ]]; then
        options=(${(f)"$(_vdmabuf_entries Options $command)"})
        # The program that is started completes its own words.
        local i
        for ((i = 2; i < CURRENT; ++i)); do
            case $words[i] in
                --endpoint | --gl) ((++i)) ;;
                -*) ;;
                *) shift $((i - 1)) words; ((CURRENT -= i - 1)); _normal; return ;;
            esac
        done
        if [[ $words[CURRENT] != -* ]]; then _command_names -e; return; fi
    else
        if [[ $words[1] == *vdmabufctl ]]; then
            commands=(${(f)"$(_vdmabuf_entries Subcommands $command)"})
            local word
            for word in ${words[2,CURRENT-1]}; do
                if (( ${commands[(I)${word}:*]} )); then command+=($word) commands=(); break; fi
            done
        fi
        options=(${(f)"$(_vdmabuf_entries Options $command)"})
    fi
    if [[ $words[CURRENT] == -* ]]; then
        _describe -t options option options
    elif (( $#commands )); then
        _describe -t commands command commands
    else
        _files
    fi
}

_vdmabuf "$@"
