# shellcheck shell=sh
# The time, out of the clock that runs without power; /etc/adjtime tells whether that is UTC.
[ -z "$IS_CONTAINER" ] || return 0
[ -e /dev/rtc0 ] && has hwclock || return 0

msg "clock"
hwclock -s
