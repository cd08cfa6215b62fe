# shellcheck shell=sh
# Every service down, but for those that have a file `last`: 14-last.sh. What does not end in time
# is killed: after what its timeout-kill says, SVWAIT, or 30 seconds. Engines give a container 10
# for everything: there it is 7.
msg "services"
trinit down || :
