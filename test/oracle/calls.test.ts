// Wrong options of every program, sv in place of an init script, and utmpset.
import { type Scenario, scenarios } from "./scenarios.ts";

const wrong: readonly Scenario[] = [
  ["sv", "sv -x status web; sv -vx up web; sv -w; sv -vw; sv --; sv -"],
  ["svlogd", "svlogd -x log; svlogd -tx log; svlogd -l; svlogd -r; svlogd -- ; svlogd -"],
  ["chpst", "chpst -x true; chpst -vx true; chpst -u; chpst -n; chpst -- ; chpst -"],
  ["the name that it was called by", 'ln -s "$(command -v sv)" sv; ./sv -x status web; ./sv'],
].map(([what = "", line = ""]) => ({ what: `wrong options: ${what}`, line }));

/** What runit's programs take for an operand, and act on. */
const passedOver: readonly Scenario[] = [
  {
    what: "wrong options: a long one of sv",
    line: "service web; up web; sv --no-such-option stop web",
    differs: {
      id: "unknown-option",
      debian: "ok: down: web: Ns, normally up\n",
      trinit:
        "! sv: unknown option --no-such-option\n" +
        "! usage: sv [-v] [-w sec] command service ...\n\nexit 100\n",
    },
  },
  {
    what: "wrong options: runsv has none",
    line: "runsv -x; echo $?",
    differs: {
      id: "unknown-option",
      debian: "111\n! runsv -x: fatal: unable to change to directory: file does not exist\n",
      trinit: "1\n! runsv: illegal option -- x\n! usage: runsv dir\n\n",
    },
  },
];

const linked = 'ln -s "$(command -v sv)" web; mkdir scan; export SVDIR="$PWD/scan"; cd scan';
const served = `${linked}; service web; up web; cd ..`;
const initScripts: readonly Scenario[] = [
  ["status of what runs", `${served}; ./web status; echo $?`],
  [
    "status of what is down",
    `${linked}; service web; down web; sup web; cd ..; ./web status; echo $?`,
  ],
  ["status of what has no runsv", `${linked}; service web; cd ..; ./web status; echo $?`],
  ["status of what is not there", `${linked}; cd ..; ./web status; echo $?`],
  ["status of what cannot be read", `${served}; >scan/web/supervise/status; ./web status; echo $?`],
  [
    "status of a finish",
    `${linked}; service web; script web/finish 'exec sleep 600'; up web; sv down web
      await web finish; cd ..; ./web status; echo $?`,
  ],
  [
    "status with a log",
    `${linked}; service web; logger web; up web; await web/log run; cd ..; ./web status; echo $?`,
  ],
  [
    "start and stop",
    `${served}; ./web stop; echo $?; ./web start; echo $?; ./web stop; ./web status; echo $?`,
  ],
  [
    "restart, reload, try-restart, force-reload, force-stop",
    `${linked}; service web 'trap "" HUP; exec sleep 600'; up web; cd ..
      for w in restart reload try-restart force-reload force-stop; do old; ./web $w; echo $?
      done`,
  ],
  [
    "shutdown and exit",
    `${served}; ./web shutdown; echo $?; ./web start; echo $?; ./web status; echo $?`,
  ],
  [
    "in vain",
    `${linked}; service web "trap '' TERM; >ready; while :; do sleep 0.1; done"; sup web
      ready web; cd ..; ./web -w 1 stop; echo $?; SVWAIT=1 ./web stop; echo $?`,
  ],
  [
    "no command, and wrong ones",
    `${served}; ./web; echo $?; ./web foo; echo $?; ./web -x status; echo $?; ./web s; echo $?
      ./web -v; echo $?`,
  ],
  ["letters and other words", `${served}; for w in u o stat foo 1; do ./web $w; echo $?; done`],
  ["more words than one", `${served}; ./web status web; echo $?; ./web status else; echo $?`],
  ["-v and -V", `${served}; ./web -v up; echo $?; ./web -V 2>&1 | grep -c usage`],
  [
    "another user's",
    `${served}; chpst -u daemon ./web status; echo $?; chpst -u daemon ./web stop; echo $?`,
  ],
].map(([what = "", line = ""]) => ({ what: `init script: ${what}`, line }));

const logged = `${linked}; service web; logger web`;
const lsb: readonly Scenario[] = [
  {
    what: "init script: status with a log that is down, which does not count",
    line: `${logged}; down web/log; up web; cd ..; ./web status`,
    differs: {
      id: "lsb-status",
      debian: "run: web: (pid N) Ns; down: log: Ns\nexit 3\n",
      trinit: "run: web: (pid N) Ns; down: log: Ns\n",
    },
  },
  {
    what: "init script: status of what is down, though its log runs",
    line: `${logged}; down web; sup web; await web/log run; cd ..; ./web status`,
    differs: {
      id: "lsb-status",
      debian: "down: web: Ns; run: log: (pid N) Ns\n",
      trinit: "down: web: Ns; run: log: (pid N) Ns\nexit 3\n",
    },
  },
];

const utmp = (line: string): string =>
  `mkdir run log; unshare -m sh -c 'mount --bind run /run; mount --bind log /var/log
      ${line}' 2>&1`;
const records = '. "$PRELUDE"; sessions';
const shown =
  '. "$PRELUDE"\nsessions_in /run/utmp; [ ! -e /var/log/wtmp ] || sessions_in /var/log/wtmp';
const utmpset: readonly Scenario[] = [
  [
    "no line, and wrong options",
    "utmpset; echo $?; utmpset -w; echo $?; utmpset -x tty1; echo $?; utmpset a b; echo $?",
  ],
  ["no utmp", "utmpset tty1; echo $?"],
  ["a line", `${records} >/run/utmp; utmpset tty1; echo $?; ${shown}`],
  ["a line that is not there", `${records} >/run/utmp; utmpset tty9; echo $?; ${shown}`],
  ["the beginning of a line", `${records} >/run/utmp; utmpset tty2; echo $?; ${shown}`],
  ["-w", `${records} >/run/utmp; >/var/log/wtmp; utmpset -w tty3; echo $?; ${shown}`],
  ["-w without a wtmp", `${records} >/run/utmp; utmpset -w tty3; echo $?; ${shown}`],
  ["an empty utmp", `>/run/utmp; utmpset tty1; echo $?; ${shown}`],
  [
    "an utmp that cannot be written to",
    `${records} >/run/utmp; chmod 644 /run/utmp; chpst -u daemon utmpset tty1; echo $?`,
  ],
].map(([what = "", line = ""]) => ({
  what: `utmpset: ${what}`,
  line: utmp(line),
}));

scenarios("wrong options, init scripts and utmpset", [
  ...wrong,
  ...passedOver,
  ...initScripts,
  ...lsb,
  ...utmpset,
]);
