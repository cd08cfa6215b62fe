# shellcheck shell=sh
# Settings of the kernel.
[ -z "$IS_CONTAINER" ] || return 0
has sysctl || return 0

for file in /usr/lib/sysctl.d/*.conf /etc/sysctl.d/*.conf /etc/sysctl.conf; do
	[ ! -r "$file" ] || sysctl -q -p "$file" || msg "warning: not all of $file"
done
