#!/bin/sh
# Runs the quick tests where other supervisors are at work: Debian's runit, as the installed init,
# with its stages and services, daemontools and s6. Afterwards every file is as it was, and every
# service of theirs runs on. Started by scripts/bare.sh in the system that it makes, and refused on
# any other: what it installs takes over the machine that it is installed on.
set -eu

[ -n "${TRINIT_BARE-}" ] || {
	echo "peers.sh: fatal: only for the system that scripts/bare.sh makes" >&2
	exit 100
}
cd "$(dirname "$0")/.."

install_peers() {
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d # nothing is started
	chmod +x /usr/sbin/policy-rc.d
	DEBIAN_FRONTEND=noninteractive apt-get -o APT::Sandbox::User=root install -qy \
		--no-install-recommends runit runit-init runit-services daemontools s6 >/dev/null </dev/null
}

# service DIR: one that stays.
service() {
	mkdir -p "$1"
	printf '#!/bin/sh\nexec sleep 1000000\n' >"$1/run"
	chmod +x "$1/run"
}

start_peers() {
	rm -f /etc/service/* # logins on terminals that are not there
	for name in web db; do
		service "/etc/sv/$name"
		mkdir -p "/etc/sv/$name/log/main"
		printf '#!/bin/sh\nexec svlogd main\n' >"/etc/sv/$name/log/run"
		chmod +x "/etc/sv/$name/log/run"
		ln -s "/etc/sv/$name" /etc/service/
	done
	service /service/mail
	service /srv/s6/news
	runsvdir -P /etc/service &
	svscan /service &
	s6-svscan /srv/s6 &
	until sv check web db && svok /service/mail && s6-svstat /srv/s6/news; do
		sleep 0.1
	done >/dev/null 2>&1
	sleep 6 # runit looks at a new directory again for so long
}

# The pids of what is supervised, which are others where anything was started anew.
running() {
	sv status /etc/service/web /etc/service/db | sed 's/) [0-9]*s/)/g'
	svstat /service/mail | sed 's/) .*//'
	s6-svstat -o pid /srv/s6/news
}

# Everything on this disk but the tree itself and what npm and tsx keep.
listing() {
	find / -xdev \( -path /trinit -o -path /dev -o -path /tmp -o -path /root/.npm \
		-o -path /npm-cache \) -prune -o -printf '%p %l %y %m %u %g %s %T@\n' | sort
}

echo "peers: runit, daemontools and s6 are installed, and have services"
install_peers
start_peers
before=$(mktemp -d)
running >"$before/running"
listing >"$before/listing"
code=0
env -u TRINIT_BARE -u CI npx tsx scripts/test.ts "$@" || code=$?
running | diff "$before/running" - || {
	echo "peers.sh: fatal: services of the machine were touched" >&2
	exit 1
}
listing | diff "$before/listing" - || {
	echo "peers.sh: fatal: files of the machine were changed" >&2
	exit 1
}
echo "peers: every file is as it was, and every service runs"
exit "$code"
