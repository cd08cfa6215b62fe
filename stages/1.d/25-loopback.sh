# shellcheck shell=sh
# The network within the machine.
[ -z "$IS_CONTAINER" ] || return 0

msg "loopback interface"
if has ip; then
	ip link set lo up
else
	ifconfig lo up
fi
