# shellcheck shell=sh
# The time, into the clock that runs without power.
[ -z "$IS_CONTAINER" ] || return 0
[ -e /dev/rtc0 ] && has hwclock || return 0

msg "clock"
hwclock -w
