# shellcheck shell=sh
# Randomness of the last run. A seed is used once: the file is written anew at once, so that a
# machine that loses its power does not begin with the same again.
[ -z "$IS_CONTAINER" ] || return 0

seed=/var/lib/random-seed
[ ! -r "$seed" ] || cat "$seed" >/dev/urandom
(umask 077 && mkdir -p /var/lib && dd if=/dev/urandom of="$seed" bs=512 count=1 2>/dev/null) ||
	msg "no seed for the next run: unable to write $seed"
