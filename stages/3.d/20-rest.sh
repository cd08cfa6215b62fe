# shellcheck shell=sh
# Everything else that runs, but this stage. Where it fails, 50-unmount.sh leaves the disks to init,
# which can do both by itself.
if [ -n "$IS_CONTAINER" ]; then seconds=2; else seconds=5; fi

msg "all other processes"
code=0
trinit killall -w "$seconds" || code=$?
# shellcheck disable=SC2034
[ "$code" -gt 1 ] || IS_ALONE=yes
