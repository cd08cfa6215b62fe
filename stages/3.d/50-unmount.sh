# shellcheck shell=sh
# The disks: unmounted, or read-only where something is in the way.
[ -z "$IS_CONTAINER" ] || return 0
[ -n "${IS_ALONE:-}" ] || exit 111 # the built-in stage 3 ends all others, and unmounts

msg "file systems"
! grep -q '^/' /proc/swaps || swapoff -a
memory=proc,sysfs,devtmpfs,devpts,tmpfs,cgroup,cgroup2
umount -a -r -t norootfs,$memory # no: none of these
# A file that is a disk holds the file system that it is in.
for loop in /sys/block/loop*/loop; do
	[ ! -d "$loop" ] || {
		loop=${loop%/loop}
		losetup -d "/dev/${loop##*/}"
		again=yes
	}
done
[ -z "${again:-}" ] || umount -a -r -t norootfs,$memory
case $(root_type) in
rootfs | ramfs | tmpfs) ;; # in memory
*) mount -o remount,ro / || msg "warning: the root is still writable" ;;
esac
