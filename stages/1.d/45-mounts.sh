# shellcheck shell=sh
# What /etc/fstab lists, but for what needs the network: a service mounts that.
[ -z "$IS_CONTAINER" ] || return 0
[ -r /etc/fstab ] || return 0

msg "mounting /etc/fstab"
mount -a -t nonfs,nfs4,cifs,smb3,ceph,glusterfs,fuse.sshfs -O no_netdev ||
	emergency_shell "unable to mount all of /etc/fstab"
