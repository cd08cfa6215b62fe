#!/bin/sh
# Gives a command places of its own: what runit, daemontools and trinit read and write by default is
# empty for it, and the machine's is out of its reach. Started in a mount namespace of its own, as
# root there: by scripts/test.ts around a whole run, and around what a test starts as process 1.
# places.sh DIR KEPT... -- COMMAND...: the places are made in DIR; a directory KEPT in /tmp stays.
set -eu

base=$1
shift
mkdir -p "$base/run" "$base/log" "$base/tmp"
chmod 1777 "$base/tmp"
while [ "$1" != -- ]; do
	case $1 in
	/tmp/*)
		mkdir -p "$base$1"
		/bin/mount -n --bind "$1" "$base$1"
		;;
	esac
	shift
done
shift
services= # a link, as Debian has it into /etc/runit, leads to an empty directory then
[ ! -d /etc/service ] || services=$(readlink /etc/service) || :
for place in /etc/runit /etc/service /etc/sv /service /var/service /dev/shm; do
	[ ! -d "$place" ] || /bin/mount -nt tmpfs tmpfs "$place"
done
/bin/mount -n --bind "$base/run" /run
[ -z "$services" ] || (cd /etc && mkdir -p "$services") || :
[ ! -d /var/log ] || /bin/mount -n --bind "$base/log" /var/log
/bin/mount -n --rbind "$base/tmp" /tmp
exec "$@"
