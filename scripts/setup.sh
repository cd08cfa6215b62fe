#!/bin/sh
# Installs what the build and the tests need and this machine lacks: Debian 12, as root; and
# builds the two native Node.js packages, which `npm ci` leaves out where there is no compiler.
# Started by `npm run setup`, before every `npm start` and `npm test`; with `vm` or `container` as
# its argument before what needs more, and by the Dockerfile with `build`, which needs less. Says
# nothing and costs a tenth of a second when all is there.
set -eu

packages=""

# need PROGRAM PACKAGE: the package, unless the program is there.
need() {
	command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

install_packages() {
	install="apt-get install -y --no-install-recommends$packages"
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "setup: fatal: this machine lacks what these Debian packages hold:$packages" >&2
		exit 1
	fi
	if [ "$(id -u)" -ne 0 ]; then
		echo "setup: fatal: packages are missing, type: sudo $install" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	echo "setup: $install"
	# As root: apt's own user may not be able to write to what /dev/null is here.
	apt-get -o APT::Sandbox::User=root update -q >/dev/null
	$install >/dev/null </dev/null
}

need gcc gcc
need musl-gcc musl-tools
if [ "${1-}" = build ]; then # of the image: all that the executable needs
	[ -z "$packages" ] || install_packages
	exit 0
fi
[ -e /usr/include/stdio.h ] || packages="$packages libc6-dev" # the sanitized build
need file file
need ps procps
need pidof sysvinit-utils
need ip iproute2
need strace strace
need busybox busybox-static
if [ "${1-}" = vm ]; then # the virtual machine
	need qemu-system-x86_64 qemu-system-x86
	need mke2fs e2fsprogs
	need debootstrap debootstrap
elif [ "${1-}" = container ]; then # images
	need podman podman
	need runc runc
	need catatonit catatonit
	need debootstrap debootstrap
fi
need python3 python3 # node-gyp, with the next two
need make make
need g++ g++

[ -z "$packages" ] || install_packages

# Fails, and says why, if one of the native packages cannot be used.
load_native() {
	node -e '
		try {
			require("posix");
			require("node-pty");
		} catch (error) {
			console.error("setup: " + error.message.split("\n")[0]);
			process.exit(1);
		}'
}

build_native() {
	echo "setup: npm rebuild posix node-pty"
	# npm removes an optional package that it could not build.
	if ! [ -d node_modules/posix ] || ! [ -d node_modules/node-pty ]; then
		npm install --no-save --ignore-scripts --prefer-offline >/dev/null || return
	fi
	# node-gyp downloads the headers if it is not told where they are.
	prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
	[ ! -e "$prefix/include/node/node.h" ] || export npm_package_config_node_gyp_nodedir="$prefix"
	npm rebuild posix node-pty >/dev/null
}

cd "$(dirname "$0")/.."
if load_native 2>/dev/null; then exit 0; fi
if ! { build_native && load_native; } </dev/null; then
	echo "setup: fatal: unable to build the npm packages posix and node-pty" >&2
	exit 1
fi
