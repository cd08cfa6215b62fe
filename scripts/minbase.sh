# shellcheck shell=sh
# Debian 12's minimal system by debootstrap, from the mirror that this machine uses. Sourced by
# scripts/bare.sh, and by vm/image.ts for the disk of the virtual machine; needs root.

die() {
	echo "${0##*/}: fatal: $*" >&2
	exit 1
}

# The file of /etc/apt that names Debian's mirror, and the mirror.
find_mirror() {
	for sources in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list; do
		[ -f "$sources" ] || continue
		case $sources in
		*.sources) mirror=$(awk '
			/^URIs:/ { uri = $2 }
			/^Suites:/ { for (i = 2; i <= NF; i++) if ($i == "bookworm") suite = 1 }
			/^$/ { if (suite && uri) exit; suite = uri = "" }
			END { if (suite) print uri }' "$sources") ;;
		*) mirror=$(awk '
			$1 == "deb" { for (i = 2; i < NF; i++) if ($(i + 1) == "bookworm") { print $i; exit } }
			' "$sources") ;;
		esac
		[ -z "$mirror" ] || return 0
	done
	die "no mirror for bookworm in /etc/apt"
}

# make_minbase DIRECTORY PACKAGES: with these packages, too, which commas separate. Without what
# apt has downloaded.
make_minbase() {
	[ -n "${mirror-}" ] || find_mirror
	command -v debootstrap >/dev/null || die "type: apt-get install debootstrap"
	log=$(debootstrap --variant=minbase ${2:+--include="$2"} bookworm "$1" "$mirror" 2>&1) ||
		die "debootstrap failed: $(echo "$log" | tail -n 5)"
	rm -rf "$1/var/cache/apt/archives" "$1/var/lib/apt/lists"
}
