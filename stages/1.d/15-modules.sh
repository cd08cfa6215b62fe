# shellcheck shell=sh
# Modules that are listed by name. A file in /etc takes the place of one of the same name elsewhere.
[ -z "$IS_CONTAINER" ] || return 0
has modprobe || return 0

for file in /usr/lib/modules-load.d/*.conf /run/modules-load.d/*.conf \
	/etc/modules-load.d/*.conf /etc/modules; do
	case $file in
	/etc/*) ;;
	*) [ ! -e "/etc/modules-load.d/${file##*/}" ] || continue ;;
	esac
	[ ! -r "$file" ] || sed -e '/^ *[#;]/d' -e '/^ *$/d' "$file" && echo
done |
	while read -r module options; do
		[ -n "$module" ] || continue
		# shellcheck disable=SC2086 # several words
		modprobe -b "$module" $options || msg "warning: unable to load $module"
	done
