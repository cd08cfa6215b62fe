# shellcheck shell=sh
# Where udevd is a service, that one takes over from 16-devices.sh'.
[ -z "$IS_CONTAINER" ] || return 0
has udevadm || return 0

udevd=${SVDIR:-/etc/service}/udevd
[ ! -x "$udevd/run" ] || [ -e "$udevd/down" ] || udevadm control --exit
