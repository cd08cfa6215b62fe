// Process 1: its stages, what it hears and what it does then; runit-init. Debian's goes by
// /run/runit.stopit and /run/runit.reboot.
import { type Scenario, scenarios } from "./scenarios.ts";

const flags = "script run/runit.stopit ''; chmod 100 run/runit.stopit";
const cont = "kill -CONT $first";

const stages: readonly Scenario[] = [
  ["three stages", "stage 2 :; boot; story"],
  ["stage 1 that exits 100", "stage 1 'exit 100'; boot; story"],
  ["stage 1 that fails otherwise", "stage 1 'exit 1'; stage 2 :; boot; story"],
  [
    "stage 2 that exits 111",
    "stage 2 '[ -e /run/again ] || { >/run/again; exit 111; }'; boot; story",
  ],
  ["stage 2 that exits 100", "stage 2 'exit 100'; boot; story"],
].map(([what = "", line = ""]) => ({ what, line }));

const unlike = '-e "^fd [012]" -e "^Sig[BI]" -e ^PWD -e ^OLDPWD -e terminal';
const sees = `'(. "$PRELUDE"; see $$ "$0" "$@" | grep -v ${unlike}) >/run/seen.new 2>&1
      mv /run/seen.new /run/seen'`;
const seen = "eventually has run/seen; cat run/seen";
const given: readonly Scenario[] = [
  ["what stage 1 is given", `mkdir run; stage 1 ${sees}; boot; ${seen}`],
  ["what stage 2 is given", `mkdir run; stage 2 ${sees}; boot; ${seen}`],
  ["what stage 3 is given", `mkdir run; stage 2 :; stage 3 ${sees}; boot; ${seen}`],
  [
    "session and group of stages 2 and 3",
    `for n in 2 3; do stage $n '(. "$PRELUDE"; session $$)'; done; stage 2 '(. "$PRELUDE"
      session $$)'; boot; story >none; grep group said`,
  ],
].map(([what = "", line = ""]) => ({ what, line }));

const signals: readonly Scenario[] = [
  ["CONT with stopit", `boot; entered 2; ${flags}; ${cont}; story; stat -c %a run/runit.stopit`],
  ["CONT without stopit", `boot; entered 2; ${cont}; sleep 0.3; ${flags}; ${cont}; story`],
  [
    "CONT with a stopit that is not executable",
    `boot; entered 2; >run/runit.stopit; ${cont}; sleep 0.3; has said "stage 3" && echo ended
      chmod 100 run/runit.stopit; ${cont}; story`,
  ],
  [
    "stage 2 gets TERM",
    `stage 2 'trap "echo stage 2 got TERM; exit 0" TERM; echo stage 2 waits; while :
      do sleep 0.05; done'; boot; eventually has said waits; entered 2; ${flags}; ${cont}; story`,
  ],
  [
    "stage 2 that ignores TERM gets KILL",
    `stage 2 'trap "" TERM; echo stage 2 waits; while :; do sleep 0.05; done'; boot
      eventually has said waits; entered 2; ${flags}; ${cont}; story`,
  ],
  [
    "HUP, USR1 and USR2 mean nothing",
    `boot; entered 2; for s in HUP USR1 USR2; do kill -$s $first; done; sleep 0.3; ${flags}
      ${cont}; story`,
  ],
  [
    "orphans are reaped",
    `stage 2 'sh -c "sleep 0.1 & sleep 0.2 & exit"; exec sleep 600'; boot; entered 2
      sleep 0.5; inside ps -A -o stat= | grep -c Z`,
  ],
].map(([what = "", line = ""]) => ({ what, line }));

const tells = "grep -v 'system reboot'";
const answers = "mkdir run; stage 3 'while [ ! -e /run/answered ]; do sleep 0.02; done'";
const requests: readonly Scenario[] = [
  ["init 0", `${answers}; boot; entered 2; inside runit-init 0; echo $?; >run/answered; story`],
  [
    "init 6",
    `${answers}; boot; entered 2; inside runit-init 6; echo $?; >run/answered; story | ${tells}`,
  ],
  ["runit beside process 1", "runit; echo $?; runit 5; echo $?"],
  // Never one that it knows: it would go to the process 1 that the tests run under.
  [
    "runit-init and what it does not know",
    "runit-init; echo $?; runit-init 5; echo $?; runit-init -x; echo $?",
  ],
].map(([what = "", line = ""]) => ({ what, line }));

const ending = `- runit: leave stage: /etc/runit/2
- runit: enter stage: /etc/runit/3
stage 3
- runit: leave stage: /etc/runit/3
`;
const begun = `- runit: enter stage: /etc/runit/1
stage 1
- runit: leave stage: /etc/runit/1
- runit: enter stage: /etc/runit/2
stage 2
`;
const quick = "story | sed 1,3d";
const builtin = `- runit: enter stage: built-in stage 3
- runit: leave stage: built-in stage 3
`;
const third = "- runit: enter stage: /etc/runit/3\nstage 3\n";
const left = "- runit: leave stage: /etc/runit/3\n";
const failed = "- runit: warning: child failed: /etc/runit/3\n";

const differences: readonly Scenario[] = [
  {
    what: "a stage 3 that fails is followed by the built-in one",
    line: "stage 2 :; stage 3 'exit 1'; boot; story | sed 1,6d",
    differs: {
      id: "stage3-failed",
      debian: `${third}${failed}${left}`,
      trinit: `${third}${failed}${left}${builtin}`,
    },
  },
  {
    what: "stage 2 that is killed is started again",
    line: `stage 2 'echo >>/run/n; [ "$(wc -l </run/n)" -gt 1 ] || kill -KILL $$; exit 0'; boot
      story >none; wc -l <run/n`,
    differs: { id: "stage2-signal", debian: "1\n", trinit: "2\n" },
  },
  {
    what: "stages have no signals blocked or ignored",
    line: `mkdir run; stage 2 '(grep -E "Sig(Blk|Ign)" /proc/$$/status) >/run/seen'; boot
      story >none; cat run/seen`,
    differs: {
      id: "stage-signals",
      debian: "SigBlk:\t0000000020000000\nSigIgn:\t0000000000020000\n",
      trinit: "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n",
    },
  },
  {
    what: "stage 1 has a session of its own",
    line: `stage 2 :; stage 1 '(. "$PRELUDE"; session $$)'; boot; story >none; grep group said`,
    differs: {
      id: "stage-session",
      debian: "group , session \n",
      trinit: "group own, session own\n",
    },
  },
  ...["TERM", "INT"].map((name) => ({
    what: `${name} ends a container`,
    line: `boot; entered 2; kill -${name} $first; sleep 0.5; ! has said 'stage 3' || ${quick}`,
    differs: {
      id: "container-signals",
      debian: "",
      trinit: `${begun.split("\n").slice(3).join("\n")}${ending}`,
    },
  })),
  {
    what: "PWR means power off, whatever was asked for before",
    line: `mkdir run; script run/runit.reboot ''; chmod 700 run/runit.reboot; boot; entered 2
      kill -PWR $first; eventually has said 'leave stage: /etc/runit/3'; story >none
      stat -c %a run/runit.reboot`,
    differs: { id: "power-signal", debian: "700\n", trinit: "0\n" },
  },
  {
    what: "a container that ends says how by its exit code",
    line: "stage 2 :; boot; story >none; wait $pid; echo $?",
    differs: { id: "container-exit", debian: "130\n", trinit: "0\n" },
  },
  {
    what: "ctrlaltdel that was killed is said, too",
    line: `script etc/runit/ctrlaltdel 'printf "#!/bin/sh\\n" >/run/runit.stopit
      chmod 100 /run/runit.stopit; kill -9 $$'; boot; entered 2
      kill -INT $first; story | grep 'ctrlaltdel'`,
  },
  {
    what: "ctrlaltdel that has ended is said",
    line: `script etc/runit/ctrlaltdel 'printf "#!/bin/sh\\n" >/run/runit.stopit
      chmod 100 /run/runit.stopit'; boot; entered 2
      kill -INT $first; story | grep -c 'leave stage: /etc/runit/ctrlaltdel'`,
  },
  {
    what: "runsvdir as process 1: TERM ends its services first",
    line: `service web 'trap "echo goes >>../said; exit 0" TERM; >ready; while :
      do sleep 0.05; done'
      mkdir all; ln -s ../web all/web; boot runsvdir "$PWD/all"; eventually has web/ready
      await_in web; eventually find_first
      kill -TERM $first; eventually gone $pid; grep -c goes said`,
    differs: { id: "runsvdir-pid1", debian: "0\nexit 1\n", trinit: "1\n" },
  },
];

scenarios("process 1", [...stages, ...given, ...signals, ...requests, ...differences]);
