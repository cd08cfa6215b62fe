# shellcheck shell=sh
# Randomness for the next run.
[ -z "$IS_CONTAINER" ] || return 0

seed=/var/lib/random-seed
(umask 077 && mkdir -p /var/lib && dd if=/dev/urandom of="$seed" bs=512 count=1 2>/dev/null) || :
