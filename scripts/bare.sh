#!/bin/sh
# Builds the committed tree on a bare Debian 12, and starts it: a minimal system made by
# debootstrap, this machine's Node.js and npm, and nothing else. Started by .ci/run, as root; shows
# that scripts/setup.sh forgets nothing. The bare system is made once and kept in cache/. Then, with
# the tiers of tests that are its arguments, scripts/peers.sh.
set -eu

tree=$(cd "$(dirname "$0")/.." && pwd)
cache=$tree/cache
image=$cache/bare-bookworm-$(dpkg --print-architecture).tar

# shellcheck source=scripts/minbase.sh
. "$tree/scripts/minbase.sh"

make_image() {
	root=$work/image
	make_minbase "$root" ""
	mkdir -p "$cache"
	tar -C "$root" -cf "$image.new" .
	mv "$image.new" "$image"
	rm -rf "$root"
}

# copy PATH...: files of this machine to the same place in the bare system, where they exist.
copy() {
	for path in "$@"; do
		[ -e "$path" ] || continue
		mkdir -p "$root$(dirname "$path")"
		cp -RP "$path" "$root$(dirname "$path")/"
	done
}

# What a machine that can reach its mirrors has: names, certificates, apt's and npm's settings.
copy_network() {
	rm -f "$root/etc/resolv.conf" "$root/etc/apt/sources.list"
	cat /etc/resolv.conf >"$root/etc/resolv.conf"
	copy /etc/hosts /etc/ssl/certs/ca-certificates.crt "${NODE_EXTRA_CA_CERTS:-/nowhere}"
	copy /etc/apt/auth.conf.d "$sources"
	apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' \
		>"$root/etc/apt/apt.conf.d/99host"
	copy "$(npm config get userconfig 2>/dev/null)" "$(npm config get globalconfig 2>/dev/null)"
}

copy_node() {
	prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
	mkdir -p "$root$prefix/bin"
	for name in npm npx; do
		ln -sf "../lib/node_modules/npm/bin/$name-cli.js" "$root$prefix/bin/$name"
	done
	# Native addons are built against the headers, without a download.
	copy "$prefix/bin/node" "$prefix/lib/node_modules/npm" "$prefix/include/node"
}

# inside NPM_CACHE COMMANDS: in the bare system, and in namespaces of our own, so that no mount
# and no process can be left behind.
inside() {
	mkdir -p "$root/npm-cache"
	mount --rbind "$root" "$root"
	mount --bind "$1" "$root/npm-cache" # only spares the downloads
	mount -t proc proc "$root/proc"
	mount -t sysfs sysfs "$root/sys"
	mount -t devpts devpts "$root/dev/pts"
	node_bin=$(dirname "$(readlink -f "$(command -v node)")")
	# Not a chroot: who enters one of the namespaces that are made there finds this root, too.
	mkdir -p "$root/old"
	cd "$root"
	pivot_root . old
	env -i CI=true HOME="$HOME" PATH="$node_bin:/usr/sbin:/usr/bin:/sbin:/bin" \
		npm_config_cache=/npm-cache TRINIT_BARE=1 \
		${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"} \
		${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
		chroot . /bin/sh -euc "umount -l /old; $2"
}

if [ "${1-}" = --inside ]; then
	root=$2
	inside "$3" "$4"
	exit
fi

[ "$(id -u)" -eq 0 ] || die "needs root, for debootstrap and chroot"
work=$(mktemp -d "${TMPDIR:-/tmp}/trinit-bare.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM
find_mirror
[ -f "$image" ] || make_image

root=$work/root
mkdir -p "$root/trinit"
tar -C "$root" -xf "$image"
copy_network
copy_node
git -c safe.directory="$tree" -C "$tree" archive HEAD | tar -C "$root/trinit" -xf -
npm_cache=$(npm config get cache 2>/dev/null)
mkdir -p "$npm_cache"
# shellcheck disable=SC2016
unshare --mount --propagation private --pid --fork --kill-child \
	sh "$0" --inside "$root" "$npm_cache" '
	cd /trinit
	npm ci --prefer-offline
	npm run setup
	npm run build
	dist/trinit info
	npm start >start.log 2>&1 &
	start=$!
	until grep -q "beat 1" start.log; do
		kill -0 $start || { cat start.log; exit 1; }
		sleep 0.2
	done
	kill $start
	wait $start || { echo "npm start exits $?"; cat start.log; exit 1; }
	rm start.log
	[ -z "'"$*"'" ] || sh scripts/peers.sh '"$*"'
' </dev/null
