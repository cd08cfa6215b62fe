# shellcheck shell=sh
# The services that have a file `last`: others need them to the end, as they need the network.
set --
# shellcheck disable=SC2154 # 10-services.sh sets it
for service in "$services"/*; do
	[ ! -e "$service/last" ] || [ ! -p "$service/supervise/ok" ] || set -- "$@" "$service"
done
[ $# -eq 0 ] || msg "services that others need"
stop_services "$@"
