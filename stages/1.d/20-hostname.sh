# shellcheck shell=sh
# The host name.
[ -z "$IS_CONTAINER" ] || return 0
[ -r /etc/hostname ] || return 0

read -r name </etc/hostname || : # the newline may be missing
[ -n "$name" ] || return 0
msg "host name $name"
printf '%s' "$name" >/proc/sys/kernel/hostname
