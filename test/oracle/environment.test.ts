// What a program is given: arguments, environment, directories, user and groups, signals, limits,
// descriptors, process group and session; plainly, and under every option of chpst.
import { type Scenario, scenarios } from "./scenarios.ts";

const see = '. "$PRELUDE"; see $$ "$0" "$@"';
/** Writes down what it is given, in a file that anybody may write to. */
const sees = `(${see}) >>"$SEEN" 2>&1`;
const files = 'export SEEN="$PWD/seen"; >seen; chmod 666 seen';
const seen = "eventually has seen terminal; cat seen";

const unmasked = `eventually has seen terminal; grep -v SigBlk seen`;

const programs: readonly Scenario[] = [
  { what: "run", line: `${files}; service web '${sees}; exec sleep 600'; up web; ${seen}` },
  {
    what: "run with a log",
    line: `${files}; service web '${sees}; exec sleep 600'; logger web; up web; ${seen}`,
  },
  {
    what: "finish",
    line: `${files}; service web; script web/finish '${sees}'; up web; sv down web; ${seen}`,
  },
  {
    what: "finish with a log",
    line: `${files}; service web; logger web; script web/finish '${sees}'; up web; sv down web
      ${seen}`,
  },
  {
    what: "a log's run",
    line: `${files}; service web; service web/log '${sees}; exec cat'; up web; ${seen}`,
  },
  {
    what: "control/u",
    line: `${files}; service web; script web/control/u '${sees}'; up web; ${unmasked}`,
  },
  {
    what: "control/t",
    line: `${files}; service web; script web/control/t '${sees}'; up web; sv term web; ${unmasked}`,
  },
  {
    what: "control/d with a log",
    line: `${files}; service web; logger web; script web/control/d '${sees}'; up web
      sv down web; ${unmasked}`,
  },
  {
    what: "check",
    line: `${files}; service web; script web/check '${sees}'; up web; sv check web
      ${unmasked} | grep -v '^fd [13]:'`,
  },
  {
    what: "a control script is not left with signals blocked",
    line: `${files}; service web; script web/control/t '${sees}'; up web; sv term web
      eventually has seen terminal; grep SigBlk seen`,
    differs: {
      id: "script-mask",
      debian: "SigBlk:\t0000000000014000\n",
      trinit: "SigBlk:\t0000000000000000\n",
    },
  },
  {
    what: "check has a stdout that goes nowhere, and no descriptor of sv's",
    line: `${files}; service web; script web/check '${sees}'; up web; sv check web
      eventually has seen terminal; grep "^fd [13]:" seen`,
    differs: {
      id: "check-stdout",
      debian: "ok: run: web: (pid N) Ns\nfd 3: DIR, flags:\t0104000\n",
      trinit: "ok: run: web: (pid N) Ns\nfd 1: /dev/null, flags:\t0104001\n",
    },
  },
  {
    what: "what runsvdir was started with by mistake stays with it",
    line: `${files}; exec 7>open; service all/web '${sees}; exec sleep 600'; bg runsvdir all
      eventually has seen terminal; grep ^fd.[3-9] seen || echo none`,
    differs: { id: "descriptors", debian: "fd 7: DIR/open, flags:\t0100001\n", trinit: "none\n" },
  },
  {
    what: "run under runsvdir",
    line: `${files}; service all/web '${sees}; exec sleep 600'; bg runsvdir all; ${seen}`,
  },
  {
    what: "run under runsvdir -P",
    line: `${files}; service all/web '${sees}; exec sleep 600'; bg runsvdir -P all; ${seen}`,
  },
  {
    what: "a log's run under runsvdir -P",
    line: `${files}; service all/web; service all/web/log '${sees}; exec cat'
      bg runsvdir -P all; ${seen}`,
  },
  {
    what: "run with limits, a umask, a level and a variable of the operator's",
    line: `${files}; umask 027; ulimit -n 77; ulimit -c 0; export HELLO="a  b"
      service web '${sees}; exec sleep 600'; bg nice -n 3 runsv web; ${seen}`,
  },
  {
    what: "run with signals that are ignored already",
    line: `${files}; trap '' HUP PIPE USR1 TERM; service web '${sees}; exec sleep 600'
      bg runsv web; ${seen}`,
  },
  {
    what: "run with a descriptor that was left open",
    line: `${files}; exec 7>open; service web '${sees}; exec sleep 600'; bg runsv web; ${seen}`,
  },
  {
    what: "run without stdin",
    line: `${files}; service web '${sees}; exec sleep 600'; bg sh -c 'exec runsv web <&-'; ${seen}`,
  },
  {
    what: "run of another user's runsv",
    line: `${files}; service web '${sees}; exec sleep 600'; chown daemon . web said
      bg chpst -u daemon:games runsv web; ${seen}`,
  },
];

const numbers = "-m 1000000000|-d 900000000|-o 30|-p 300|-f 900000|-c 100000|-r 900000000|-t 50";
const options = [
  ...["", "-v", "-u daemon", "-u daemon:games", "-u daemon:games:mail", "-u :1:2:3"],
  ...["-U daemon", "-U daemon:games", "-U :7:8", "-u daemon -U games", "-b other", "-e env"],
  ...["-e env -u daemon", "-e empty", "-/ /", "-/ / -u daemon", "-n 5", "-n +5", "-n -5"],
  ...["-l lock", "-L lock", "-l lock -u daemon", "-P", "-P -u daemon", "-0", "-1", "-2", "-012"],
  ...numbers.split("|"),
  "-o 30 -n 2 -e env -U daemon -u daemon -P -0 -l lock",
];
const settings = `mkdir env empty; echo one >env/NEW; echo two >env/HOME; : >env/LANG
  printf 'a\\000b' >env/NUL; echo ' x  ' >env/SPACE; echo y >env/.hidden; chmod 755 env empty`;
const chpst: readonly Scenario[] = options.map((option) => ({
  what: `chpst ${option}`.trim(),
  line: `${files}; ${settings}; >lock; chmod 666 lock
    service web 'cd ..; exec chpst ${option} /bin/sh -c '\\''${sees}
      exec sleep 600'\\'' name one "two three"'
    export LANG=C HOME=/ ; bg runsv web; ${seen}; sed s/^/said:/ said`,
}));

scenarios("what a program is given", programs);
scenarios("what a program is given by chpst", chpst);
