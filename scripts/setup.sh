#!/bin/sh
# Installs what the build and the tests need and this machine lacks: Debian 12, as root.
# Started by `npm run setup`, before every `npm start` and `npm test`; says nothing and
# costs a few milliseconds when all is there.
set -eu

packages=""

# need PROGRAM PACKAGE: the package, unless the program is there.
need() {
	command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

need gcc gcc
need musl-gcc musl-tools
[ -e /usr/include/stdio.h ] || packages="$packages libc6-dev" # the sanitized build
need file file
need ps procps
need pidof sysvinit-utils
need strace strace
need python3 python3 # node-gyp, with the next two
need make make
need g++ g++

[ -n "$packages" ] || exit 0

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
apt-get update -q >/dev/null
$install >/dev/null </dev/null
