// runsvdir: what it starts and stops, what it says, how it ends; and runsvchdir.
import { type Scenario, scenarios } from "./scenarios.ts";

const started = "eventually supervised all/web; await all/web run";

const scan: readonly Scenario[] = [
  {
    what: "a directory, and a link to one",
    line: `service all/web; service else; ln -s ../else all/link; bg runsvdir all
      await all/web run; await all/link run; pgrep -P $pid | wc -l; cat said`,
  },
  {
    what: "what is no directory, and what begins with a dot",
    line: `service all/web; >all/file; ln -s no all/link; service all/.hidden; bg runsvdir all
      await all/web run; sleep 0.3; pgrep -P $pid | wc -l; ls -A all/.hidden; sort -u said`,
  },
  {
    what: "a service that comes",
    line: `mkdir all; bg runsvdir all; sleep 0.2; service else; mv else all/web
      eventually is all/web run
      cat said`,
  },
  {
    what: "a service that goes is brought down",
    line: `service else; mkdir all; ln -s ../else all/web; bg runsvdir all; ${started}
      was=$(pid_of all/web); rm all/web; eventually gone $was; await else down
      eventually childless $pid; cat said`,
  },
  {
    what: "a runsv that was killed is followed by another",
    line: `service all/web; bg runsvdir all; ${started}; was=$(pgrep -P $pid)
      sv -v down all/web >none; sv -v down $PWD/all/web; kill -9 $was
      eventually other_child $pid $was; eventually supervised all/web; pgrep -P $pid | wc -l`,
  },
  {
    what: "exit, and it is there again",
    line: `service all/web; bg runsvdir all; ${started}; was=$(pgrep -P $pid)
      sv -v exit $PWD/all/web; eventually other_child $pid $was; await all/web run
      sv status $PWD/all/web`,
  },
  {
    what: "what runsv is called",
    line: `service all/web; service all/other; bg runsvdir all; ${started}
      await all/other run; for p in $(pgrep -P $pid); do tr '\\0' ' ' </proc/$p/cmdline
      cat /proc/$p/comm; readlink /proc/$p/cwd; done | sort`,
  },
  {
    what: "groups and sessions",
    line: `service all/web; bg runsvdir all; ${started}; session $(pgrep -P $pid)
      session $(pid_of all/web)`,
  },
  {
    what: "groups and sessions with -P",
    line: `service all/web; bg runsvdir -P all; ${started}; session $(pgrep -P $pid)
      session $(pid_of all/web)`,
  },
  {
    what: "a service whose name has a space",
    line: `service 'all/a b'; bg runsvdir all; await 'all/a b' run
      tr '\\0' '|' </proc/$(pgrep -P $pid)/cmdline`,
  },
  {
    what: "where it is",
    line: `service all/web; bg runsvdir all; ${started}; readlink /proc/$pid/cwd
      readlink /proc/$pid/root`,
  },
  {
    what: "two for one directory",
    line: `service all/web; bg runsvdir all; ${started}; bg runsvdir all
      eventually test -s said; sed 1q said; sv status $PWD/all/web`,
    differs: {
      id: "runsv-left",
      debian:
        "runsv web: fatal: unable to lock supervise/lock: temporary failure\n" +
        "run: DIR/all/web: (pid N) Ns\n",
      trinit:
        "runsvdir all: warning: unable to lock web/supervise/lock: temporary failure\n" +
        "run: DIR/all/web: (pid N) Ns\n",
    },
  },
];

const ends: readonly Scenario[] = [
  {
    what: "TERM, and everything stays",
    line: `service all/web; bg runsvdir all; ${started}; child=$(pgrep -P $pid); kill $pid
      ended $pid; kill -0 $child && echo stays; sv status $PWD/all/web; cat said`,
  },
  {
    what: "HUP, and everything goes",
    line: `service all/web; bg runsvdir all; ${started}; was=$(pid_of all/web); kill -HUP $pid
      ended $pid; eventually gone $was; sleep 0.1; look all/web; cat said`,
  },
  {
    what: "HUP with a log",
    line: `service all/web 'echo one; exec sleep 600'; logger all/web; bg runsvdir all
      ${started}; await all/web/log run; was=$(pid_of all/web/log); kill -HUP $pid; ended $pid
      eventually gone $was; cat all/web/log/got`,
  },
  {
    what: "the directory is removed",
    line: `service all/web; bg runsvdir all; ${started}; was=$(pid_of all/web); mv all moved
      sleep 0.2; kill -0 $was && echo stays; mv moved all; sleep 0.2; sv status $PWD/all/web`,
  },
];

const calls: readonly Scenario[] = [
  { what: "no directory", line: "runsvdir; echo $?; runsvdir -P; echo $?" },
  {
    what: "too much",
    line: "mkdir all; timeout 1 runsvdir all loglog more; echo $?; timeout 1 runsvdir a b c d",
  },
  {
    what: "a directory that is not there",
    line: "(timeout 1 runsvdir all; timeout 1 runsvdir -P all) 2>&1 | uniq",
  },
  { what: "a file for a directory", line: ">all; timeout 1 runsvdir all" },
  {
    what: "an option that is none",
    line: "timeout 1 runsvdir -x all",
    differs: {
      id: "runsvdir-options",
      debian:
        "! runsvdir -x: warning: log must have at least seven characters.\n" +
        "! runsvdir -x: warning: log service disabled.\n" +
        "! runsvdir -x: warning: unable to stat -x: file does not exist\n" +
        "exit 124\n",
      trinit: "! usage: runsvdir [-P] dir\n\nexit 1\n",
    },
  },
];

const log: readonly Scenario[] = [
  {
    what: "a log that is too short",
    line: "mkdir all; timeout 1 runsvdir all 123456",
  },
  {
    what: "a log in the title",
    line: `service all/web 'echo hello >&2; exec sleep 600'
      bg runsvdir all 'log: ...........................'; eventually titled $pid hello~
      tr '\\0' '|' </proc/$pid/cmdline`,
  },
  {
    what: "a log that is full",
    line: `service all/web 'for i in 1 2 3 4 5 6 7 8 9; do echo line$i >&2; done
      exec sleep 600'; bg runsvdir all 'log: ...........................'
      eventually titled $pid line9~; tr '\\0' '|' </proc/$pid/cmdline`,
  },
];

const chdirs: readonly Scenario[] = [
  ["no argument, and two", "runsvchdir; echo $?; runsvchdir a b; echo $?"],
  ["a directory", "mkdir other; runsvchdir other; echo $?; ls -l | sed 's/.*[0-9] //'"],
  ["the one that it is", "ln -s one current; mkdir one; runsvchdir one; echo $?; ls"],
  [
    "another one",
    `ln -s one current; mkdir one two; runsvchdir two; echo $?; readlink current previous
      runsvchdir one; echo $?; readlink current previous`,
  ],
  ["one that is not there", "ln -s one current; mkdir one; runsvchdir two; echo $?; ls"],
  ["a dot in front", "mkdir .two; runsvchdir .two; echo $?; ls -A"],
  ["a path", "ln -s one current; mkdir one; runsvchdir /tmp; echo $?; readlink current previous"],
  ["no current", "mkdir two; runsvchdir two; echo $?; ls"],
  [
    "a current.new that was left",
    "ln -s one current; mkdir one two; ln -s x current.new; runsvchdir two; echo $?; ls",
  ],
  ["a current that is a directory", "mkdir current two; runsvchdir two; echo $?; ls"],
  [
    "a slash behind it",
    "ln -s one current; mkdir one two; runsvchdir two/; echo $?; readlink current",
  ],
].map(([what = "", line = ""]) => ({
  what: `runsvchdir: ${what}`,
  line: inEtc(line),
}));

/** The line, in an /etc/runit/runsvdir of its own. */
function inEtc(line: string): string {
  return `mkdir -p etc/runit/runsvdir; unshare -m sh -c 'mount --bind etc /etc
      cd /etc/runit/runsvdir; ${line.replaceAll("'", "'\\''")}' 2>&1`;
}

const chdirReasons: readonly Scenario[] = [
  {
    what: "runsvchdir: a file",
    line: inEtc("ln -s one current; mkdir one; >two; runsvchdir two; echo $?; readlink current"),
    differs: {
      id: "chdir-words",
      debian: "runsvchdir: fatal: twonot a directory.\n111\none\n",
      trinit: "runsvchdir: fatal: two: not a directory.\n111\none\n",
    },
  },
];

scenarios("runsvdir", [...scan, ...ends, ...calls, ...log]);
scenarios("runsvchdir", [...chdirs, ...chdirReasons]);
