# shellcheck shell=sh
# File systems that need the network are unmounted before it goes; what somebody still uses is
# when nobody does any more. A server that does not answer is not waited for.
[ -z "$IS_CONTAINER" ] || return 0

needy="" # what /etc/fstab, or the call of mount, says so of
while read -r device place _ options _; do
	case $device,$options, in "#"*) ;; *,_netdev,*) needy="$needy $place " ;; esac
done 2>/dev/null </etc/fstab
while read -r line; do # SRC=... TARGET=... ROOT=... OPTS=...
	place=${line#*TARGET=}
	case ,${line##*OPTS=}, in *,_netdev,*) needy="$needy ${place%% *} " ;; esac
done 2>/dev/null </run/mount/utab

known=$(network_types)
set -- # what is mounted, the last one first
while read -r _ place type _; do
	case $place in / | /usr) continue ;; esac # what would end them is there
	case " $known $needy " in *" ${type#fuse.} "* | *" $place "*) ;; *) continue ;; esac
	place=$(unescaped "$place" && echo .) # the dot keeps a newline at the end
	set -- "${place%.}" "$@"
done </proc/mounts

[ $# -eq 0 ] || msg "file systems of the network"
sleep 20 & # not timeout(1), which would wait for what even KILL does not end
timer=$!
{
	[ $# -eq 0 ] || umount "$@" || : # says what is in use
	sync                             # that, and disks of the network
	kill "$timer" 2>/dev/null
} &
wait "$timer" 2>/dev/null || :
[ $# -eq 0 ] || umount -l "$@" 2>/dev/null || : # most are no longer there
