# Completion of trinit for fish: part of trinit.

function __trinit_words
    printf '%s\t%s\n' \
@WORDS@
end

function __trinit_names
    printf '%s\t%s\n' \
@NAMES@
end

function __trinit_entrypoint
    printf '%s\t%s\n' \
@ENTRYPOINT@
end

# __trinit_after WORD...: the first word is one of these; without any, there is none.
function __trinit_after
    set -l words (commandline -opc)
    test (count $argv) -eq 0; and test (count $words) -eq 1
    or contains -- "$words[2]" $argv
end

function __trinit_after_name
    not __trinit_after
    and not __trinit_after help info install stage await down killall bootchart shadow --version
end

complete -c trinit -f
complete -c trinit -n __trinit_after -a '(__trinit_words; __trinit_names)'
complete -c trinit -n '__trinit_after help' -a '(__trinit_names)'
complete -c trinit -n '__trinit_after install' -l init -d 'with the names of init'
complete -c trinit -n '__trinit_after install' -l share -x -d 'with manuals and completions' \
    -a '(__fish_complete_directories)'
complete -c trinit -n '__trinit_after install' -a '(__fish_complete_directories)'
complete -c trinit -n '__trinit_after entrypoint' -a '(__trinit_entrypoint)'
complete -c trinit -n '__trinit_after shadow' -a '(__fish_complete_directories)'
complete -c trinit -n '__trinit_after stage' -a '1 2 3'
complete -c trinit -n '__trinit_after down' -s l -d 'those that others need, too'
complete -c trinit -n '__trinit_after killall' -s w -x -d 'KILL what is left after so many seconds'
complete -c trinit -n __trinit_after_name -a '(__fish_complete_subcommand)'
