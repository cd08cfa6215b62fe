# shellcheck shell=sh
# The time, into the clock that runs without power. That waits for the next second, and so is left
# out where both agree.
[ -z "$IS_CONTAINER" ] || return 0
[ -e /dev/rtc0 ] && has hwclock || return 0

read -r rtc 2>/dev/null </sys/class/rtc/rtc0/since_epoch || rtc=0 # it may be broken
case $(($(date +%s) - rtc)) in -1 | 0 | 1) return 0 ;; esac
msg "clock"
hwclock -w
