# shellcheck shell=sh
# Settings of the kernel. A file in /etc takes the place of one of the same name elsewhere.
[ -z "$IS_CONTAINER" ] || return 0
has sysctl || return 0

for file in /usr/lib/sysctl.d/*.conf /run/sysctl.d/*.conf /etc/sysctl.d/*.conf /etc/sysctl.conf; do
	case $file in
	/etc/*) ;;
	*) [ ! -e "/etc/sysctl.d/${file##*/}" ] || continue ;;
	esac
	[ ! -r "$file" ] || sysctl -q -p "$file" || msg "warning: not all of $file"
done
