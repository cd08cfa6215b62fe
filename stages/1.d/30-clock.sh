# shellcheck shell=sh
# The time, out of the clock that runs without power; /etc/adjtime tells whether that is UTC, which
# is what the kernel has taken it for, if it has read it.
[ -z "$IS_CONTAINER" ] || return 0
[ -e /dev/rtc0 ] && has hwclock || return 0

msg "clock"
if [ "$(cat /sys/class/rtc/rtc0/hctosys)" = 1 ]; then
	hwclock --systz
else
	hwclock -s # waits for the next second
fi
