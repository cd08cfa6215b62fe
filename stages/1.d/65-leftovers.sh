# shellcheck shell=sh
# What the last run has left behind, and directories that programs expect, whoever comes first.
[ -z "$IS_CONTAINER" ] || return 0

rm -f /etc/nologin /forcefsck /fastboot /tmp/.X[0-9]*-lock
for dir in /tmp/.X11-unix /tmp/.ICE-unix; do
	[ ! -L "$dir" ] || rm -f "$dir" # a user's, to anywhere
done
mkdir -p /run/lock /tmp/.X11-unix /tmp/.ICE-unix
chmod 1777 /run/lock /tmp /tmp/.X11-unix /tmp/.ICE-unix
[ -e /var/run ] || ln -s /run /var/run
[ -e /var/lock ] || ln -s /run/lock /var/lock
