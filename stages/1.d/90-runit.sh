# shellcheck shell=sh
# How init is told to end the system: by files that become executable, kept in /run, so that /etc
# may be read-only.
[ -z "$IS_CONTAINER" ] || return 0

mkdir -p /run/runit
for name in stopit reboot; do
	true >"/run/runit/$name"
	chmod 0 "/run/runit/$name"
	[ ! -x "/etc/runit/$name" ] || chmod 0 "/etc/runit/$name" # of a run that was cut short
done

# A file that is removed while it runs, as by an upgrade, keeps its file system from becoming
# read-only at the end. init is what runs then: another name keeps its file.
init=$(readlink /proc/1/exe)
ln -f "$init" "${init%/*}/.${init##*/}.running" 2>/dev/null || : # a root that stays read-only
