# shellcheck shell=sh
# Drivers, names and permissions of what is plugged in: udev's or mdev's work, where there is one.
# udevd stays, to hear of what will be plugged in, until its service, if there is one, takes over.
[ -z "$IS_CONTAINER" ] || return 0

if udevd=$(command -v udevd || command -v /lib/systemd/systemd-udevd); then
	msg "devices"
	"$udevd" --daemon || return
	udevadm trigger --type=subsystems --action=add
	udevadm trigger --type=devices --action=add
	udevadm settle --timeout=30 || msg "warning: some devices are not ready yet"
elif has mdev; then
	msg "devices"
	if [ -d "/lib/modules/$(uname -r)" ]; then # not every one is for a module
		find /sys/devices -name modalias -exec cat {} + | sort -u | xargs modprobe -abq || :
	fi
	mdev -s
fi
