// Every word of sv: what is written, what is waited for, what is said and how it ends; check
// scripts, several services, wrong calls.
import { type Scenario, scenarios } from "./scenarios.ts";

const stubborn = "trap '' TERM; >ready; while :; do sleep 0.1; done";
const refuses = `service web "${stubborn}"; sup web; ready web`;

/** Says which signals come. */
const names = "HUP INT QUIT USR1 USR2 ALRM TERM CONT";
const listens = `for s in ${names}; do trap "echo $s >>heard" $s; done
>ready; while :; do sleep 0.05; done`;

/** HUP means nothing to it, once it is ready. */
const deaf = `service web 'trap "" HUP; >ready; exec sleep 600'; up web
  eventually test -e web/ready`;

const once = "run: web: (pid N) Ns, want down";

const waits: readonly Scenario[] = [
  { what: "-v up", line: "service web; down web; sup web; sv -v up web; look web" },
  { what: "start", line: "service web; down web; sup web; sv start web; look web" },
  { what: "start of what runs", line: "service web; up web; sv start web; sv -v up web; look web" },
  { what: "-v down", line: "service web; up web; sv -v down web; look web" },
  { what: "stop", line: "service web; up web; sv stop web; look web" },
  {
    what: "stop of what is down",
    line: "service web; down web; sup web; sv stop web; sv -v d web",
  },
  {
    what: "-v once waits until it was started",
    line: `for web in 1 2 3 4 5; do
        service $web; down $web; sup $web; sv -v once $web >said
        ! grep -q '^ok: down' said || break
      done; sed 's/^ok: down: .*/at once/; s/ [1-5]:/ web:/' said`,
    differs: {
      id: "sv-waits",
      debian: "at once\n",
      trinit: "ok: run: web: (pid N) Ns, normally down, want down\n",
    },
  },
  {
    what: "restart in the second of the start is seen to its end",
    // Debian's may be late for the second: it gets some more.
    line: `service web "trap '' TERM; exec sleep 600"; up web
      for _ in 1 2 3 4 5; do
        old; was=$(pid_of web); sv kill web; eventually other web $was; sv -w 1 restart web >said
        grep -q '^ok' said && break
      done; cat said`,
    differs: {
      id: "sv-waits",
      debian: "ok: run: web: (pid N) Ns\n",
      trinit: "timeout: run: web: (pid N) Ns, got TERM\n",
    },
  },
  { what: "-v once of what runs", line: "service web; up web; sv -v once web; look web" },
  { what: "-v exit", line: "service web; up web; sv -v exit web; ended $pid; sv status web" },
  { what: "-v e", line: "service web; up web; sv -v e web; ended $pid" },
  { what: "shutdown", line: "service web; up web; sv shutdown web; ended $pid" },
  {
    what: "shutdown with a log",
    line: `service web 'echo said; exec sleep 600'; logger web; up web; sv shutdown web
      cat web/log/got`,
  },
  { what: "-v pause and -v cont", line: "service web; up web; sv -v pause web; sv -v cont web" },
  {
    what: "-v pause of what is down",
    line: "service web; down web; sup web; sv -v p web; sv -v c web",
  },
  {
    what: "-v term starts anew",
    line: `service web 'echo >>../n; exec sleep 600'; up web; old; sv -v term web
      eventually lines n 2; wc -l <n`,
  },
  {
    what: "restart",
    line: `service web 'echo >>../n; exec sleep 600'; up web; old; sv restart web
      eventually lines n 2; wc -l <n
      look web`,
  },
  {
    what: "try-restart",
    line: `service web 'echo >>../n; exec sleep 600'; up web; old; sv try-restart web
      eventually lines n 2; wc -l <n`,
  },
  {
    what: "restart of what is down",
    line: "service web; down web; sup web; sv restart web; look web",
  },
  {
    what: "try-restart of what is down",
    line: "service web; down web; sup web; sv try-restart web",
  },
  {
    what: "restart of what is paused",
    line: "service web; up web; sv -v pause web; old; sv restart web; look web",
  },
  {
    what: "restart of what runs once",
    line: "service web; up web; sv -v once web; old; sv restart web",
  },
  {
    what: "force-stop, force-reload, force-restart and force-shutdown of what obeys",
    line: `service web; up web; old; sv force-reload web; old; sv force-restart web
      sv force-stop web; sv force-shutdown web; ended $pid`,
  },
  { what: "D", line: "service web; up web; sv D web; look web" },
  { what: "T", line: "service web; up web; old; sv T web; look web" },
  { what: "X", line: "service web; up web; sv X web; ended $pid" },
  { what: "E", line: "service web; up web; sv E web; ended $pid" },
  { what: "check of what runs", line: "service web; up web; sv check web" },
  {
    what: "check of what is down and shall be",
    line: "service web; down web; sup web; sv check web",
  },
  {
    what: "check of what runs once, and is to be down",
    line: "service web; up web; sv -v once web; sv -w 1 check web",
    differs: {
      id: "sv-check",
      debian: `ok: ${once}\nok: ${once}\n`,
      trinit: `ok: ${once}\ntimeout: ${once}\nexit 1\n`,
    },
  },
  {
    what: "check of what is wanted down, and stays",
    line: `${refuses}; sv down web; eventually flag web 18 1; sv -w 1 check web`,
    differs: {
      id: "sv-check",
      debian: `ok: ${once}, got TERM\n`,
      trinit: `timeout: ${once}, got TERM\nexit 1\n`,
    },
  },
  {
    what: "check of what is wanted up, and is in its finish",
    line: `service web 'exit 3'; script web/finish 'exec sleep 600'; sup web; await web finish
      sv -w 1 check web`,
    differs: {
      id: "sv-check",
      debian: "ok: finish: web: (pid N) Ns\n",
      trinit: "timeout: finish: web: (pid N) Ns\nexit 1\n",
    },
  },
  { what: "reload", line: `${deaf}; sv reload web` },
  { what: "-v with what is waited for never", line: `${deaf}; sv -v hup web 2>&1` },
];

const timeouts: readonly Scenario[] = [
  { what: "stop in vain", line: `${refuses}; sv -w 1 stop web; look web` },
  { what: "-w of the letter", line: `${refuses}; sv -w 1 down web` },
  { what: "SVWAIT", line: `${refuses}; SVWAIT=1 sv stop web` },
  { what: "-w before SVWAIT", line: `${refuses}; SVWAIT=50 sv -w 1 stop web` },
  {
    what: "no time, and it is soon done",
    line: "service web; up web; sv -w 0 stop web",
  },
  {
    what: "no time at all",
    line: `service web; down web; sup web; sv -w 0 stop web; sv -w0 check web`,
  },
  { what: "restart in vain", line: `${refuses}; old; sv -w 1 restart web` },
  { what: "exit in vain", line: `${refuses}; sv -w 1 exit web` },
  {
    what: "start in vain",
    line: `service web 'exit 1'; script web/finish 'sleep 9'; sup web; await web finish
      sv -w 1 start web`,
  },
  {
    what: "force-stop ends with kill",
    line: `${refuses}; sv -w 1 force-stop web; await web down; look web`,
  },
  {
    what: "force-shutdown ends with kill",
    line: `${refuses}; sv -w 1 force-shutdown web; ended $pid`,
  },
  {
    what: "force-restart ends with kill",
    line: `${refuses}; rm web/ready; old; sv -w 1 force-restart web; ready web; await web run
      look web`,
  },
  {
    what: "force-reload ends with kill",
    line: `${refuses}; rm web/ready; old; sv -w 1 force-reload web; ready web; await web run
      look web`,
  },
  {
    what: "some in time and some not",
    line: `service a; up a; ${refuses}; service b; up b; sv -w 1 stop a web b >said; echo $?
      sort said`,
  },
  {
    what: "the log of one that does not go",
    line: `service web; logger web "${stubborn}"; up web; ready web/log; sv -w 1 stop web/log`,
  },
];

const letters: readonly Scenario[] = [
  {
    what: "every letter's signal",
    line: `service web '${listens}'; sup web; ready web
      for verb in hup interrupt quit 1 2 alarm term cont; do
        sv $verb web; eventually test -s web/heard; cat web/heard; : >web/heard
      done; look web`,
  },
  {
    what: "first letters are enough",
    line: `service web '${listens}'; sup web; ready web
      for verb in h i q 1x 2nd alarming conti; do
        sv $verb web; eventually test -s web/heard; cat web/heard; : >web/heard
      done; look web`,
  },
  {
    what: "kill",
    line: `${refuses}; rm web/ready; sv kill web; ready web; await web run; look web`,
  },
  {
    what: "letters for several services",
    line: "service a; service b; up a b; sv down a b; await a down; await b down; sv status a b",
  },
  {
    what: "words that only begin like one",
    line: `service web; down web; sup web
      for verb in upset downer starting stopped rest reloading \\
        shut forced tryst checked s status1 xylo exotic; do echo $verb; sv -w 1 $verb web
      echo $?; done`,
  },
];

const checks: readonly Scenario[] = [
  {
    what: "start waits until check agrees",
    line: `service web; down web; script web/check 'test -e ok || { >ok; exit 1; }'; sup web
      sv start web; ls web/ok`,
  },
  {
    what: "a check that never agrees",
    line: `service web; script web/check 'exit 1'; up web; sv -w 1 start web; sv -w 1 check web
      old; sv -w 2 restart web`,
  },
  {
    what: "a check that cannot be executed",
    line: `service web; echo 'exit 1' >web/check; up web; sv check web; sv start web`,
  },
  {
    what: "a check that is no program",
    line: `service web; echo >web/check; chmod 755 web/check; up web; sv check web`,
  },
  {
    what: "what check finds",
    line: `service web; script web/check 'echo "$0 $#"; pwd; [ -e /proc/$$/fd/1 ]; env | grep SV
      tr "\\0" " " </proc/$$/cmdline >&2; echo done >&2'; up web; sv check web 2>said; cat said`,
    differs: {
      id: "check-stdout",
      debian:
        "ok: run: web: (pid N) Ns\ncheck: 2: echo: echo: I/O error\n" +
        "check: 2: pwd: pwd: I/O error\ngrep: write error: Bad file descriptor\n" +
        "/bin/sh check done\n",
      trinit: "ok: run: web: (pid N) Ns\n/bin/sh check done\n",
    },
  },
  {
    what: "check is not asked of what is down",
    line: `service web; down web; script web/check 'exit 1'; sup web; sv check web
      sv -w 1 start web`,
  },
  {
    what: "check is not asked by status, down and exit",
    line: `service web; script web/check '>asked; exit 1'; up web; sv status web; sv -v down web
      sv -v exit web; ls web/asked`,
  },
  {
    what: "check of a log",
    line: `service web; logger web; script web/log/check 'exit 1'; up web; await web/log run
      sv -w 1 check web; sv -w 1 check web/log`,
  },
];

const usage: readonly Scenario[] = [
  { what: "no command", line: "sv" },
  { what: "a command that is none", line: "sv foo web; sv '' web; sv - web; sv -- foo web" },
  { what: "no service", line: "sv up; sv start; sv restart; sv -v down; sv check" },
  { what: "-V", line: "sv -V status web 2>&1 | tail -n +2 | sed 's/^usage.*/usage/'" },
  { what: "-w without a number", line: "sv -w 2>&1 | grep usage; sv -v -w 2>&1 | grep usage" },
  {
    what: "options end at the command",
    line: "service web; down web; sup web; sv status -v web",
    differs: {
      id: "sv-numbers",
      debian:
        "fail: -v: unable to change to service directory: file does not exist\n" +
        "down: web: Ns\nexit 1\n",
      trinit:
        "! sv: options come before the command: -v\n" +
        "! usage: sv [-v] [-w sec] command service ...\n\nexit 100\n",
    },
  },
  {
    what: "options together",
    line: "service web; down web; sup web; sv -vw 1 up web; sv -vw1 up web",
  },
  { what: "two dashes", line: "service web; up web; sv -- status web; sv -v -- up web" },
];

scenarios("sv, its words", [...waits, ...timeouts, ...letters, ...checks, ...usage]);
