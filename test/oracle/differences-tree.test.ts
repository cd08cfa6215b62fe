// Where runsvdir, svlogd and sv do on purpose what runit's do not: the original's fault, and ours.
// Differs, svlogd-clock: ours alone, in test/process/svlogd-clock.test.ts.
import { type Scenario, scenarios } from "./scenarios.ts";

/** How often a process has waited, in five seconds and a half of nothing to do. */
const waits = "grep ^volun /proc/$pid/status";

const rows: readonly Scenario[] = [
  {
    what: "runsvdir sleeps while nothing happens",
    line: `service all/web; bg runsvdir all; await all/web run; sleep 1.5; was=$(${waits})
      sleep 5.5
      [ "$was" = "$(${waits})" ] && echo sleeps || echo wakes`,
    differs: { id: "polling", debian: "wakes\n", trinit: "sleeps\n" },
  },
  {
    what: "a new service is noticed at once",
    line: `service all/web; bg runsvdir all; await all/web run; sleep 2.2; service else
      mv else all/new
      for _ in 1 2 3 4 5 6 7 8 9 10; do ! is all/new run || { echo noticed; break; }
      sleep 0.05; done`,
    differs: { id: "polling", debian: "", trinit: "noticed\n" },
  },
  {
    what: "a directory that is made again is a new service, and the old one has ended before it",
    line: `text='[ ! -e $SVDIR/here ] || echo both >>$SVDIR/seen; >$SVDIR/here
      trap "sleep 0.5; rm $SVDIR/here; exit 0" TERM
        >ready; while :; do sleep 0.05; done'
      service all/web "$text"; bg runsvdir all; ready all/web; service else "$text"
      mv all/web gone; mv else all/web
      ready all/web; sleep 0.2; cat seen 2>&1`,
    differs: {
      id: "remade-directory",
      debian: "both\n",
      trinit: "cat: seen: No such file or directory\nexit 1\n",
    },
  },
  {
    what: "a runsv that is killed leaves its service to the next, and its log pipe",
    line: `service all/web 'echo start; while :; do sleep 0.1; echo line; done'
      logger all/web; bg runsvdir all
      await all/web run; await all/web/log run; eventually has all/web/log/got line
      was=$(pid_of all/web); kill -9 $(pgrep -P $pid)
      sleep 7; await all/web run; [ $was = "$(pid_of all/web)" ] && echo same || echo other
      pgrep -f "[/]bin/sh ./run" >/dev/null; grep -c start all/web/log/got`,
    differs: { id: "takeover", debian: "other\n1\n", trinit: "same\n1\n" },
  },
  {
    what: "svlogd that is killed loses no line that it has read",
    line: `mkdir log; sink svlogd log; words 3 >&9; printf 'the rest' >&9
      eventually lines log/current 3; sleep 0.3
      kill -9 $pid; eventually gone $pid; exec 9>&-; svlogd log </dev/null
      cat log/@* log/current | sort`,
    differs: {
      id: "log-kept",
      debian: "line 1\nline 2\nline 3\n",
      trinit: "line 1\nline 2\nline 3\nthe rest\n",
    },
  },
  {
    what: "a processor's file that vanishes does not make svlogd spin",
    line: `config log '!cat; rm "$PWD"/*.u log/*.u'; sink timeout -s KILL 3 svlogd log; echo a >&9
      eventually test -s log/current; kill -ALRM $(pgrep -P $pid); sleep 1
      exec 9>&-; eventually gone $pid; [ $(grep -c 'processor failed' said) -gt 99 ] &&
      echo spins || echo rests`,
    differs: { id: "svlogd-vanished", debian: "spins\n", trinit: "rests\n" },
  },
  {
    what: "the state in JSON",
    line: `service web; up web; sv status --json web 2>&1 | grep -c '"supervisor"'`,
    differs: { id: "json-status", debian: "0\nexit 1\n", trinit: "1\n" },
  },
  {
    what: "status of all services",
    line: "service a; service b; up a b; SVDIR=$PWD sv status 2>&1 | sed 's/ [0-9][0-9]*s//'",
    differs: {
      id: "status-all",
      debian: "usage: sv [-v] [-w sec] command service ...\n\n",
      trinit: "run: a: (pid N)\nrun: b: (pid N)\n",
    },
  },
  {
    what: "the supervisor's last complaint, on stderr",
    line: `service web; chmod 644 web/run; sup web; eventually test -s said
      kill -KILL $pid; eventually gone $pid; sv status web 2>&1 | sed 's/ [0-9]*s / N /'`,
    differs: {
      id: "second-line",
      debian: "fail: web: runsv not running\n",
      trinit:
        "fail: web: runsv not running\n" +
        "sv: web: last complaint, N ago: runsv web: fatal: unable to start ./run: access denied\n",
    },
  },
];

scenarios("runsvdir and svlogd, on purpose", rows);
