# shellcheck shell=sh
# Modules that are listed by name.
[ -z "$IS_CONTAINER" ] || return 0
has modprobe || return 0

sed -e '/^ *[#;]/d' -e '/^ *$/d' /etc/modules /etc/modules-load.d/*.conf 2>/dev/null |
	while read -r module options; do
		msg "loading $module"
		# shellcheck disable=SC2086 # several words
		modprobe "$module" $options || msg "warning: unable to load $module"
	done
