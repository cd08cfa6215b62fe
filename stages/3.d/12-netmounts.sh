# shellcheck shell=sh
# File systems that need the network are unmounted before it goes; what somebody still uses is
# when nobody does any more. A server that does not answer is not waited for.
[ -z "$IS_CONTAINER" ] || return 0

types=nfs,nfs4,cifs,smb3,ceph,glusterfs,fuse.sshfs
grep -qE " ($(echo $types | tr , '|')) " /proc/mounts || return 0
msg "file systems of the network"
timeout -k 1 20 umount -a -t $types || umount -a -l -t $types
