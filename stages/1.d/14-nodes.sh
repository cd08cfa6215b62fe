# shellcheck shell=sh
# Device nodes of drivers that are loaded when somebody opens them: /dev/fuse, /dev/net/tun.
[ -z "$IS_CONTAINER" ] || return 0

nodes=/lib/modules/$(uname -r)/modules.devname
[ -r "$nodes" ] || return 0
while read -r module name device; do # tun net/tun c10:200
	if [ "$module" = "#" ] || [ -e "/dev/$name" ]; then continue; fi
	mkdir -p "/dev/$(dirname "$name")"
	numbers=${device#?}
	mknod -m 600 "/dev/$name" "${device%"$numbers"}" "${numbers%:*}" "${numbers#*:}"
done <"$nodes"
