# shellcheck shell=sh
# What /etc/fstab lists, but for what needs the network: a service mounts that.
[ -z "$IS_CONTAINER" ] || return 0
[ -r /etc/fstab ] || return 0

types=""
for type in $(network_types); do types="$types,$type,fuse.$type"; done
msg "mounting /etc/fstab"
mount -a -t "no${types#,}" -O no_netdev ||
	emergency_shell "unable to mount all of /etc/fstab"
