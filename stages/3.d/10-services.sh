# shellcheck shell=sh
# Every service down, its log written; what does not end in time is killed. Engines give a container
# 10 seconds for everything. SVWAIT says otherwise.
if [ -n "$IS_CONTAINER" ]; then seconds=7; else seconds=30; fi

case ${SVWAIT:-none} in *[!0-9]*) ;; *) seconds=$SVWAIT ;; esac

services=${SVDIR:-/etc/service}
case $services in /* | ./*) ;; *) services=./$services ;; esac # sv takes other words for names
set --
for service in "$services"/*; do
	[ ! -p "$service/supervise/ok" ] || set -- "$@" "$service"
done
[ $# -gt 0 ] || return 0

msg "services"
sv -w "$seconds" force-shutdown "$@" | grep -v '^ok: ' >&2 || : # nothing to tell
