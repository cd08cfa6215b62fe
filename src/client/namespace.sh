#!/bin/sh
# The first process of namespaces of its own, which becomes init. Started by startTree() through
# unshare, as root or as a user who is root in there only. What it mounts is seen by nobody else
# and ends with the last process in here: on the host it makes nothing.
# $1: where the programs are; $2: the services; $3: the stages, or nothing; $4: the terminal that
# is the console, or nothing. Standard error tells the client why it cannot be, or our pid.
set -eu

# real PATH: where a path of the host will be.
real() {
	case $1 in
	/dev/* | /etc/* | /run/* | /tmp/*)
		rest=${1#/*/}
		echo "${1%"$rest"}.real/$rest"
		;;
	*) echo "$1" ;;
	esac
}

bin=$(real "$1")
services=$(real "$2")
stages=${3:+$(real "$3")}
terminal=${4:+$(real "$4")}

# replace DIR EMPTY: mounts a tmpfs there that has the real one as DIR/.real. Meanwhile that is
# at EMPTY, where something else is hidden by it.
replace() {
	mount -n --rbind "$1" "$2"
	mount -nt tmpfs -o mode=755 tmpfs "$1"
	mkdir "$1/.real"
	mount -n --move "$2" "$1/.real"
}

# refill DIR: the entries of the real one. A symbolic link may be relative, so it is copied.
refill() {
	cd "$1"
	set --
	for entry in .real/* .real/.[!.]*; do
		[ ! -L "$entry" ] || set -- "$@" "$entry"
	done
	[ $# -eq 0 ] || printf '%s\0' "$@" | xargs -0 cp -Pt .
	set --
	for entry in .real/* .real/.[!.]*; do
		[ -L "$entry" ] || [ ! -e "$entry" ] || set -- "$@" "$entry"
	done
	[ $# -eq 0 ] || printf '%s\0' "$@" | xargs -0 ln -st .
	cd /
}

# This /proc is the one of whoever started us still, and has our pid there.
read -r pid _ </proc/self/stat
mount -nt proc proc /proc

replace /etc /run
replace /dev /run
replace /tmp /run
refill /etc
refill /dev
refill /tmp
chmod 1777 /tmp

# A stage sets a PATH of its own: the programs are installed in here, before the host's.
if [ -d /usr/local/sbin ]; then
	replace /usr/local/sbin /run
	refill /usr/local/sbin
	ln -sf "$bin"/* /usr/local/sbin
fi
replace /run /dev

rm -f /etc/runit /etc/service /dev/console
ln -s "$services" /etc/service
mkdir /etc/runit
[ -z "$stages" ] || ln -s "$stages"/* /etc/runit
if [ -n "$terminal" ]; then
	: >/dev/console
	mount -n --bind "$terminal" /dev/console
fi

# The rest of /etc is the host's: nobody in here changes it, unless the services are there.
case $services in
/etc/*) ;;
*) mount -no remount,bind,ro /etc/.real 2>/dev/null || : ;; # a user may not, nor write there
esac

# As root, a stage that takes this for a machine shall not change the settings of the host.
for path in /proc/sys /proc/sysrq-trigger; do
	[ -e "$path" ] || continue
	mount -n --bind "$path" "$path"
	mount -no remount,bind,ro "$path"
done

cd /
echo "init is $pid" >&2
exec "$bin/init" 2>&1
