# shellcheck shell=sh
# The root file system, and all others that /etc/fstab wants to have checked, are checked; then it
# is made writable, unless /etc/fstab says ro.
[ -z "$IS_CONTAINER" ] || return 0

# The options of the root in /etc/fstab.
root_options() {
	[ ! -r /etc/fstab ] || while read -r device directory _ options _; do
		[ "${device#\#}" = "$device" ] && [ "$directory" = / ] && echo "$options"
	done </etc/fstab
}

# The exit code is a sum: 1 repaired, 2 repaired what was in use, 4 and 8 unable to, 32 Ctrl-C.
check() {
	if asked fastboot fsck.mode=skip || [ -e /fastboot ]; then return 0; fi
	msg "checking file systems"
	set -- -A -T -a -t noopts=_netdev
	grep -q '^[^ ]* / [^ ]* ro[, ]' /proc/mounts || set -- "$@" -R # it cannot be checked
	if asked forcefsck fsck.mode=force || [ -e /forcefsck ]; then set -- "$@" -f; fi
	code=0
	fsck "$@" || code=$?
	[ $((code & ~(1 | 2 | 32))) -eq 0 ] || emergency_shell "fsck has found what it cannot repair"
	[ $((code & 2)) -ne 0 ] || return 0
	msg "the root was repaired: rebooting"
	trinit init 6 # too early for init to hear, but it looks at the file
	exit 100
}

! has fsck || [ ! -r /etc/fstab ] || check

case $(root_type),$(root_options), in
squashfs,* | erofs,* | cramfs,* | iso9660,*) ;; # nobody can write there
*,ro,*) ;;
*) mount -o remount,rw / || emergency_shell "unable to make the root writable" ;;
esac
