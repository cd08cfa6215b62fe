# Completion of sv for fish: part of trinit.

function __trinit_sv_commands
    printf '%s\t%s\n' \
@SV@
end

# The command, if one is typed before the cursor.
function __trinit_sv_command
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case '-*w'
                set -e words[1]
            case '-*'
            case '*'
                echo $words[1]
                return 0
        end
        set -e words[1]
    end
    return 1
end

function __trinit_sv_services
    set -l directory /etc/service
    set -q SVDIR; and set directory $SVDIR
    for path in $directory/*/
        string match -qr '[[:cntrl:]]' -- $path; or string replace -r '.*/(.*)/$' '$1' -- $path
    end
    string match -qr '^[./]' -- (commandline -ct); and __fish_complete_directories (commandline -ct) ''
end

complete -c sv -f
complete -c sv -n 'not __trinit_sv_command' -s v -d 'wait, and say what became of it'
complete -c sv -n 'not __trinit_sv_command' -s w -x -d 'wait for so many seconds'
complete -c sv -n 'not __trinit_sv_command' -s V -d 'show the version'
complete -c sv -n 'not __trinit_sv_command' -a '(__trinit_sv_commands)'
complete -c sv -n '__trinit_sv_command; and test (commandline -opc)[-1] = status' -l json -d 'for programs'
complete -c sv -n __trinit_sv_command -a '(__trinit_sv_services)'
