# shellcheck shell=sh
# The disks: unmounted, or read-only where something is in the way.
[ -z "$IS_CONTAINER" ] || return 0
[ -n "${IS_ALONE:-}" ] || exit 111 # the built-in stage 3 ends all others, and unmounts

msg "file systems"
! grep -q '^/' /proc/swaps || swapoff -a
umount -a -r -t norootfs,proc,sysfs,devtmpfs,devpts,tmpfs,cgroup,cgroup2 # no: none of these
case $(root_type) in
rootfs | ramfs | tmpfs) ;; # in memory
*) mount -o remount,ro / || msg "warning: the root is still writable" ;;
esac
