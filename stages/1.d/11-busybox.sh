# shellcheck shell=sh
# busybox's poweroff, halt and reboot are signals to process 1, which others send for other reasons.
# This file has init act on them, where the shell's poweroff is busybox's own.
[ -z "$IS_CONTAINER" ] || return 0

poweroff=$(command -v poweroff) || return 0
case $poweroff in
/*) poweroff=$(readlink -f "$poweroff") ;;
*) poweroff=/busybox ;; # built into the shell
esac
# shellcheck disable=SC3013 # dash and busybox have -ef: that one may be a hard link
case $poweroff in */busybox*) ;; *) [ "$poweroff" -ef /bin/busybox ] || return 0 ;; esac
mkdir -p /run/runit && true >/run/runit/busybox-signals
