# shellcheck shell=sh
# Every service down, its log written; what does not end in time is killed. Engines give a container
# 10 seconds for everything. SVWAIT says otherwise.
if [ -n "$IS_CONTAINER" ]; then seconds=7; else seconds=30; fi

set --
for service in "${SVDIR:-/etc/service}"/*; do
	[ ! -p "$service/supervise/ok" ] || set -- "$@" "$service"
done
[ $# -gt 0 ] || return 0

msg "services"
sv -w "${SVWAIT:-$seconds}" force-shutdown "$@" | grep -v '^ok: ' >&2 || : # nothing to tell
