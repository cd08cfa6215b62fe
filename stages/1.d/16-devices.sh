# shellcheck shell=sh
# Drivers, names and permissions of what is plugged in: udev's or mdev's work, where there is one.
# udevd stays, to hear of what will be plugged in.
[ -z "$IS_CONTAINER" ] || return 0

if udevd=$(command -v udevd || command -v /lib/systemd/systemd-udevd); then
	msg "devices"
	"$udevd" --daemon
	udevadm trigger --action=add
	udevadm settle
elif has mdev; then
	msg "devices"
	mdev -s
fi
