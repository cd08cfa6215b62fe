# shellcheck shell=sh
# How init is told to end the system: by files that become executable, kept in /run, so that /etc
# may be read-only. And utmp, for who(1) and utmpset.
[ -z "$IS_CONTAINER" ] || return 0

mkdir -p /run/runit
for name in stopit reboot; do
	: >"/run/runit/$name"
	chmod 0 "/run/runit/$name"
	[ ! -x "/etc/runit/$name" ] || chmod 0 "/etc/runit/$name" # of a run that was cut short
done

: >/run/utmp
chmod 664 /run/utmp
chgrp utmp /run/utmp 2>/dev/null || : # there may be no such group
