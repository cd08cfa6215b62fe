# shellcheck shell=sh
# Every service down, its log written, but for those that have a file `last`: 14-last.sh. What does
# not end in time is killed. Engines give a container 10 seconds for everything. SVWAIT says
# otherwise.
if [ -n "$IS_CONTAINER" ]; then seconds=7; else seconds=30; fi

case ${SVWAIT:-none} in
*[!0-9]*) ;;
*) seconds=${SVWAIT#"${SVWAIT%%[!0]*}"} ;; # 08 would be octal
esac

services=${SVDIR:-/etc/service}
case $services in /* | ./*) ;; *) services=./$services ;; esac # sv takes other words for names

read -r began _ </proc/uptime

# Those given, in what is left of the time.
stop_services() {
	[ $# -gt 0 ] || return 0
	read -r now _ </proc/uptime
	left=$((seconds + ${began%.*} - ${now%.*}))
	[ "$left" -gt 0 ] || left=1
	sv -w "$left" force-shutdown "$@" | grep -v '^ok: ' >&2 || : # nothing to tell
}

set --
for service in "$services"/*; do
	[ ! -p "$service/supervise/ok" ] || [ -e "$service/last" ] || set -- "$@" "$service"
done
msg "services"
stop_services "$@"
