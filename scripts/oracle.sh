#!/bin/sh
# Fetches what trinit is measured against: Debian's runit, daemontools and tini, unpacked and not
# installed, into cache/oracle. Run by hand or by CI, as root; does nothing when it is there.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
oracle=$root/cache/oracle
if [ -x "$oracle/usr/bin/sv" ] && [ -x "$oracle/usr/bin/tini" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# As root, since the directory is nobody else's to write to.
fetch() { apt-get download -q -o APT::Sandbox::User=root runit daemontools tini; }
if ! fetch; then
  apt-get update -q
  fetch
fi
mkdir tree
for package in ./*.deb; do dpkg -x "$package" tree; done
mkdir -p "$root/cache"
rm -rf "$oracle"
mv tree "$oracle"
