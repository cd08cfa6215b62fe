# shellcheck shell=sh
# The swap space that /etc/fstab lists.
[ -z "$IS_CONTAINER" ] || return 0
[ -r /etc/fstab ] && has swapon || return 0

swapon -a
