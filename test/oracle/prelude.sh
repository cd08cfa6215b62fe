# shellcheck shell=dash
# What the lines of the scenarios are made of; sourced in an empty directory, with the programs of
# one side first in PATH. What is looked at is printed, what is waited for is waited for briefly.

export SVDIR="$PWD"

# script FILE TEXT: a shell script.
script() {
	mkdir -p "$(dirname "$1")"
	printf '#!/bin/sh\n%s\n' "$2" >"$1"
	chmod 755 "$1"
}

# service NAME [TEXT]: a service directory, whose run does that; it stays by default.
service() { script "$1/run" "${2:-exec sleep 600}"; }

# down NAME...: services that are not started by themselves.
down() { for name; do : >"$name/down"; done; }

# logger NAME [TEXT]: a log service, which reads to the end by default.
logger() { script "$1/log/run" "${2:-exec cat >got}"; }

# bg PROGRAM...: in the background, as process $pid; what it says is in the file `said`. The shell
# would have it ignore what comes from a keyboard.
bg() {
	env --default-signal=INT,QUIT "$@" >>said 2>&1 &
	# shellcheck disable=SC2034
	pid=$!
}

# sup NAME...: a runsv for each, in the background, once it can be told something.
sup() {
	for name; do
		bg runsv "$name"
		eventually supervised "$name"
		[ ! -d "$name/log" ] || eventually supervised "$name/log"
	done
}

# up NAME...: as sup, once run is what it shall be.
up() {
	sup "$@"
	for name; do await "$name" run; done
}

supervised() { sv status "$PWD/$1" 2>&1 | grep -Eq '^(down|run|finish): '; }

# eventually COMMAND...: waits until that is true.
eventually() {
	for _ in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
		for _ in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29; do
			! "$@" || return 0
			sleep 0.03
		done
	done
	echo "never: $*"
}

# octets NAME: its status record, 20 numbers.
octets() { od -An -v -tu1 -w20 "$1/supervise/status" 2>/dev/null; }

# await NAME STATE: by the record, which is the last file that is written; and with a process,
# where there is to be one.
await() { eventually is "$1" "$2"; }
is() {
	_state=$2
	# shellcheck disable=SC2046
	set -- $(octets "$1")
	case "${20-} $(pid_in "$@")" in
	"0 0") [ "$_state" = down ] ;;
	*" 0") false ;;
	1*) [ "$_state" = run ] ;;
	2*) [ "$_state" = finish ] ;;
	*) false ;;
	esac
} 2>/dev/null

# ready NAME...: waits until run has said so by a file, and runsv knows that it runs.
ready() {
	for name; do
		eventually has "$name/ready"
		await "$name" run
	done
}

# other NAME PID: a process that is not that one runs.
other() {
	_was=$2
	# shellcheck disable=SC2046
	set -- $(octets "$1")
	[ "${20}" = 1 ] && [ "$(pid_in "$@")" != "$_was" ]
}

# flag NAME PLACE VALUE: one of the bytes.
flag() {
	_place=$2 _value=$3
	# shellcheck disable=SC2046
	set -- $(octets "$1")
	eval "[ \"\${$((_place + 1))}\" = $_value ]"
}

# pid_of NAME: as the record has it.
pid_of() {
	# shellcheck disable=SC2046
	pid_in $(octets "$1")
}
pid_in() { echo $((${13} + 256 * (${14} + 256 * (${15} + 256 * ${16})))); }

# stamp NAME: the first twelve.
stamp() { octets "$1" | cut -c 1-48; }

# record NAME: the record, with what cannot be the same twice checked instead of shown.
record() {
	_dir=$1
	# shellcheck disable=SC2046
	set -- $(octets "$1")
	_seconds=$1
	for _octet in $2 $3 $4 $5 $6 $7 $8; do _seconds=$((_seconds * 256 + _octet)); done
	_age=$(($(date +%s) + 10 + 0x4000000000000000 - _seconds))
	[ $_age -ge 0 ] && [ $_age -le 60 ] && _stamp=now || _stamp="$_age s ago"
	_nano=$((((${9} * 256 + ${10}) * 256 + ${11}) * 256 + ${12}))
	[ $_nano -lt 1000000000 ] || _stamp="$_stamp, no nanoseconds"
	echo "$# bytes, $_stamp, $(whose "$(pid_in "$@")" "$_dir"), ${17} ${18} ${19} ${20}"
}

# whose PID DIR: a live child of its runsv that is in that directory, or none.
whose() {
	[ "$1" != 0 ] || {
		echo "no process"
		return
	}
	_parent=$(sed -n 's/^PPid:\t//p' "/proc/$1/status")
	_cwd=$(readlink "/proc/$1/cwd")
	case "$(cat "/proc/$_parent/comm") $_cwd" in
	"runsv $PWD/$2") echo "its process" ;;
	*) echo "process of $_cwd under $(cat "/proc/$_parent/comm")" ;;
	esac
} 2>/dev/null

# look NAME: all that its supervise/ says, once that is the same for a moment.
look() {
	_last=
	for _ in 0 1 2 3 4 5 6 7 8 9; do
		_this=$(glance "$1")
		[ "$_this" != "$_last" ] || break
		_last=$_this
		sleep 0.05
	done
	echo "$_this"
}
glance() {
	record "$1"
	_pid=$(cat "$1/supervise/pid")
	[ "${_pid:-0}" = "$(pid_of "$1")" ] && _pid=same
	echo "stat: $(cat "$1/supervise/stat"), pid: $_pid, $(wc -l <"$1/supervise/pid") line"
}

# has FILE [PATTERN]: it is there, with such a line.
has() { grep -q -e "${2:-}" "$1" 2>/dev/null || { [ $# = 1 ] && [ -e "$1" ]; }; }

# lines FILE N: it has so many at least.
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; } 2>/dev/null

# gone PID: it has ended.
gone() { ! kill -0 "$1" 2>/dev/null; }

# ended PID: waits, and says how.
ended() {
	eventually gone "$1"
	wait "$1"
	echo "exit $?"
}

# tell NAME BYTES: as sv would, but with any bytes, as printf has them.
# shellcheck disable=SC2059
tell() { printf "$2" >"$1/supervise/control"; }

# any COMMAND...: one of them is true.
any() { for command; do ! eval "$command" || return 0; done; false; }

# old: waits until this second is over: a start in the same one is none to Debian's sv.
old() { eventually older_than_now "$(date +%s)"; }
older_than_now() { [ "$(date +%s)" -gt "$1" ]; }

# see PID ARGUMENT...: all that a process has been given, as its child sees it: a shell changes its
# own descriptors and signals for a moment, unless it waits for a subshell.
see() {
	_seen=$1
	shift
	echo "arguments: $*"
	tr '\0' ' ' <"/proc/$_seen/cmdline" && echo
	tr '\0' '\n' <"/proc/$_seen/environ" | grep -v ^_= | sort
	readlink "/proc/$_seen/cwd" "/proc/$_seen/root"
	grep -E '^(Name|Umask|[UG]id|Groups|Sig(Pnd|Blk|Ign|Cgt)|ShdPnd|Cap...|NoNewPrivs):' \
		"/proc/$_seen/status"
	cat "/proc/$_seen/limits" "/proc/$_seen/oom_score_adj"
	# Those beyond 99 are of the tests.
	for _fd in $(find "/proc/$_seen/fd/" -mindepth 1 -name '?' -o -name '??' | sort); do
		echo "fd ${_fd##*/}: $(readlink "$_fd"), $(grep flags "${_fd%/fd/*}/fdinfo/${_fd##*/}")"
	done
	# shellcheck disable=SC2046
	set -- $(sed 's/.*) //' "/proc/$_seen/stat")
	echo "group $([ "$3" = "$_seen" ] && echo own), session $([ "$4" = "$_seen" ] && echo own)," \
		"terminal $5, nice ${17}"
}

# logs DIR...: what svlogd has left there.
logs() {
	for _dir; do
		for _file in "$_dir"/*; do
			[ "${_file##*/}" != pending ] || continue # ours alone has it
			echo "$(stat -c '%A' "$_file") $_file"
			[ "${_file##*/}" = config ] || [ -d "$_file" ] || cat "$_file"
		done
	done
}

# config DIR LINE...: a log directory with that config.
config() {
	mkdir -p "$1"
	_config=$1/config
	shift
	printf '%s\n' "$@" >"$_config"
}

# sink PROGRAM...: in the background, reads what is written to descriptor 9.
sink() {
	[ -p feed ] || mkfifo feed
	"$@" <feed >>said 2>&1 &
	# shellcheck disable=SC2034
	pid=$!
	exec 9>feed
}

# words N [TEXT]: so many numbered lines.
words() { seq -f "${2:-line} %g" "$1"; }

# has_old DIR: it has been rotated; has_olds DIR N: so many times.
has_old() { has_olds "$1" 1; }
has_olds() { [ "$(find "$1" -name '@*.s' | wc -l)" -ge "$2" ]; }

# listen: packets, to the port that is in the file `port`; they are in `got`.
listen() {
	# shellcheck disable=SC2016
	bg perl -e 'use IO::Socket; open(G, q(>), q(got)); select(G); $| = 1;
		$s = IO::Socket::INET->new(Proto => q(udp), LocalAddr => q(127.0.0.1)) or die;
		open(F, q(>), q(port.new)); print F $s->sockport; close F; rename q(port.new), q(port);
		while (1) { $s->recv($x, 3000); print qq([$x]\n); }'
	eventually has port
}

# Children of process $1: there are none; there is one, and not process $2.
childless() { ! pgrep -P "$1" >none; }
other_child() {
	_child=$(pgrep -P "$1")
	[ -n "$_child" ] && [ "$_child" != "$2" ]
}

# titled PID TEXT: it is in what ps shows of a runsvdir, with ~ for the end of a line, as Debian's
# writes there character by character. Before its exec it is a shell, with all of this in its title.
titled() { tr '\0\n' '|~' <"/proc/$1/cmdline" | grep -q "^runsvdir|.*$2"; }

# session PID: whose group and session it is in.
session() {
	_session=$1
	# shellcheck disable=SC2046
	set -- $(sed 's/.*) //' "/proc/$1/stat")
	echo "group $([ "$3" = "$_session" ] && echo own)," \
		"session $([ "$4" = "$_session" ] && echo own)"
}

# stage N [TEXT]: a stage of process 1, which says that it runs; by default the second one stays.
stage() {
	[ "$1" = 2 ] && _text='exec sleep 600' || _text=:
	script "etc/runit/$1" "echo stage $1; ${2:-$_text}"
}

# boot [PROGRAM...]: process 1 of namespaces of its own, runit by default; what it and its stages
# say is in `said`, for its console is a FIFO.
boot() {
	mkdir -p etc/runit run
	cp /etc/passwd /etc/group etc
	for _stage in 1 2 3; do [ -e "etc/runit/$_stage" ] || stage "$_stage"; done
	mkfifo console
	cat <>console >>said 2>&1 &
	# shellcheck disable=SC2016
	bg unshare --mount --pid --net --uts --ipc --fork --kill-child --mount-proc \
		sh "${PRELUDE%/*/*}/places.sh" "$PWD/.own" "${PWD%/*}" -- sh -ec '
		mount --bind etc /etc
		mount --bind run /run
		[ ! -e /dev/console ] || mount --bind console /dev/console
		cd /
		exec "$@"' sh "${@:-runit}"
}

# entered N: waits until that stage says that it runs; $first is the pid of process 1 out here.
entered() {
	eventually has said "^stage $1"
	eventually find_first
}
find_first() {
	first=$(pgrep -P "$pid")
	[ -n "$first" ]
}

# inside COMMAND...: runs that beside process 1.
inside() { nsenter --target "$first" --mount --pid --net --uts --ipc -- "$@"; }

# story: what process 1 has said from the first stage to the last, once it has ended.
story() {
	eventually gone "$pid"
	eventually has said 'sending KILL signal to all'
	grep -e '^- runit: [^t]' -e '^stage' said | grep -v -e booting -e '\.\.\.$'
}

# await_in NAME: as await, of a runsv whose pids are those of other namespaces.
await_in() { eventually flag "$1" 19 1; }

# sessions: the records of three, as in utmp: type, pid, line, id, user, host, exit, session, time,
# address, as glibc has them. sessions_in FILE: shows some.
# shellcheck disable=SC2016
sessions() {
	perl -e 'for (qw(tty1 tty22 tty3)) {
		print pack(q(l l a32 a4 a32 a256 s s l l l l4 a20),
			7, 99, $_, q(1), q(me), q(here), 0, 0, 5, 77, 88, 1, 2, 3, 4, q())
	}'
}
# shellcheck disable=SC2016
sessions_in() {
	perl -e '$/ = \384;
		while (<>) {
			@f = unpack(q(l l Z32 a4 Z32 Z256 s s l l l), $_);
			@f[9, 10] = qw(now now) if abs($f[9] - time) < 60;
			print join(q(,), length, @f), qq(\n);
		}' "$1"
}
