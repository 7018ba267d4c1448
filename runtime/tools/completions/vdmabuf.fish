# SPDX-License-Identifier: MIT
# Completion for fish of all of vdmabuf's programs: options and texts are those that --help shows.

# Entries of a section of --help as NAME<tab>TEXT, wrapped texts put together.
function __vdmabuf_entries --argument-names section
    $argv[2..] --help 2>/dev/null | awk -v section="$section:" '
        function done() { if (name != "") print name "\t" text; name = "" }
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
end

function __vdmabuf_complete
    set -l words (commandline -opc)
    set -l command $words[1]
    if string match -q '*vdmabufctl' -- $words[1]
        set -l commands (__vdmabuf_entries Subcommands $command)
        for word in $words[2..]
            if string match -q -- "$word"\t'*' $commands
                set -a command $word
                set commands
                break
            end
        end
        printf '%s\n' $commands
    end
    __vdmabuf_entries Options $command
end

# Before its subcommand, no files.
complete -c vdmabufctl -n __fish_use_subcommand -f
for program in vdmabufctl vdmabufd vdmabuf-viewer
    complete -c $program -a '(__vdmabuf_complete)'
end

# Whether the word that is completed belongs to vdmabuf-run itself, not to the program that it starts.
function __vdmabuf_run_itself
    set -l words (commandline -opc)
    set -l takes_value 0
    for word in $words[2..]
        switch $word
            case --endpoint --gl
                set takes_value 1
            case '-*'
                set takes_value 0
            case '*'
                test $takes_value = 1; or return 1
                set takes_value 0
        end
    end
end
complete -c vdmabuf-run -n __vdmabuf_run_itself -a '(__vdmabuf_entries Options vdmabuf-run)'
complete -c vdmabuf-run -x -a '(__fish_complete_subcommand)'
