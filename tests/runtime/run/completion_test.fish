#!/usr/bin/env fish
# SPDX-License-Identifier: MIT
# Completes command lines of the programs in a directory, as fish would.
#
# Usage: completion_test.fish COMPLETIONS TOOLS
source $argv[1]
set -x PATH $argv[2] $PATH

function expect # COMMAND-LINE WANTED...: what is offered, without the texts
    set -l got (complete -C $argv[1] | string replace -r '\t.*' '')
    if test "$got" != "$argv[2..]"
        echo "'$argv[1]' gives '$got', not '$argv[2..]'" >&2
        exit 1
    end
end
expect 'vdmabufctl sc' screenshot
expect 'vdmabufctl st' stats
expect 'vdmabufctl watch --in' --interval
expect 'vdmabufd --vm-' --vm-input --vm-limit
expect 'vdmabuf-viewer --head' --headless
expect 'vdmabuf-run --expl' --explain
expect 'vdmabuf-run --gl egl --expl' --explain
expect 'vdmabuf-run vdmabufctl sc' screenshot
# With its whole text, though --help wraps it.
complete -C 'vdmabuf-viewer --timeo' | string match -q '*End with status 3 when no frame comes for this many seconds'
or begin
    complete -C 'vdmabuf-viewer --timeo' >&2
    exit 1
end
