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

if has fsck && [ -r /etc/fstab ]; then
	msg "checking file systems"
	code=0
	if grep -q '^[^ ]* / [^ ]* ro[, ]' /proc/mounts; then
		fsck -A -T -a || code=$?
	else
		fsck -A -T -R -a || code=$? # a root that is in use cannot be checked
	fi
	[ $((code & ~3)) -eq 0 ] || emergency_shell "fsck has found what it cannot repair"
	if [ $((code & 2)) -ne 0 ]; then
		msg "the root was repaired: rebooting"
		trinit init 6 # too early for init to hear, but it looks at the file
		exit 100
	fi
fi

case ",$(root_options)," in
*,ro,*) ;;
*) mount -o remount,rw / || emergency_shell "unable to make the root writable" ;;
esac
