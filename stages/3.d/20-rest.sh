# shellcheck shell=sh
# Everything else that runs, but this stage. Refused unless init is in stage 3: then this is not the
# end of the system, whatever it is, and 50-unmount.sh leaves the disks alone, too.
if [ -n "$IS_CONTAINER" ]; then seconds=2; else seconds=5; fi

msg "all other processes"
code=0
trinit killall -w "$seconds" || code=$?
# shellcheck disable=SC2034
[ "$code" -gt 1 ] || IS_ALONE=yes
