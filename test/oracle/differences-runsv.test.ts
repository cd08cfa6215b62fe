// Where runsv and sv do on purpose what runit's do not: the original's fault, and ours.
import { type Scenario, scenarios } from "./scenarios.ts";

const listens = `for s in HUP INT TERM; do trap "echo $s >>heard" $s; done
>ready; while :; do sleep 0.05; done`;

const rows: readonly Scenario[] = [
  {
    what: "no second process beside one that is being killed and has its locks still",
    // Much memory takes the kernel some time to free; Debian's may be late for it, and gets more.
    line: `service web 'exec 9>../lock; flock -n 9 || echo "beside it" >>../seen
        exec perl -e "\\$x = q(a) x 15e7; open(F, q(>ready)); close(F); sleep 600"'
      sup web
      for _ in 1 2 3 4; do
        ready web; rm web/ready; was=$(pid_of web); tell web ku; eventually other web $was
        [ ! -e seen ] || break
      done
      sort -u seen || echo never`,
    differs: {
      id: "two-instances",
      debian: "beside it\n",
      trinit: "never\n! sort: cannot read: seen: No such file or directory\n",
    },
  },
  {
    what: "no second process beside a finish that is at work",
    line: `service web '[ ! -e finishing ] || ! kill -0 $(cat finishing) ||
      echo "beside finish" >>../seen; exec sleep 600'
      script web/finish 'trap "" TERM; echo $$ >finishing; while [ ! -e go ]; do sleep 0.05; done'
      up web; sv down web; eventually has web/finishing [0-9]; await web finish; tell web ku
      sleep 0.5; >web/go; await web run; cat seen 2>&1`,
    differs: {
      id: "two-instances",
      debian: "beside finish\n",
      trinit: "cat: seen: No such file or directory\nexit 1\n",
    },
  },
  {
    what: "down, then up, before a service is started again",
    line: `service web 'echo >>../n; [ "$(wc -l <../n)" -gt 2 ] || exit 1; exec sleep 600'; sup web
      eventually lines n 2; await web down; sv down web; sv up web
      for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.2; ! is web run || break; done
      sv status web`,
    differs: {
      id: "command-lost",
      debian: "down: web: Ns, normally up\n",
      trinit: "run: web: (pid N) Ns\n",
    },
  },
  {
    what: "commands are heard while a control script runs",
    line: `service web '${listens}'; script web/control/h '>asked; while [ ! -e go ]
      do sleep 0.05; done'
      sup web; ready web; tell web h; eventually has web/asked; tell web o; sleep 0.5
      flag web 17 100 && echo heard || echo deaf; >web/go; eventually flag web 17 100; look web`,
    differs: {
      id: "deaf-pause",
      debian:
        "deaf\n20 bytes, now, its process, 0 100 0 1\nstat: run, want down, pid: same, 1 line\n",
      trinit:
        "heard\n20 bytes, now, its process, 0 100 0 1\nstat: run, want down, pid: same, 1 line\n",
    },
  },
  {
    what: "a control script that is killed has not done it",
    line: `service web '${listens}'; script web/control/h '>asked; kill -KILL $$'; sup web
      ready web
      tell web h; eventually has web/asked; tell web i; eventually has web/heard INT
      sort web/heard`,
    differs: { id: "script-signal", debian: "INT\n", trinit: "HUP\nINT\n" },
  },
  {
    what: "a check that is killed has not agreed",
    line: "service web; script web/check 'kill -KILL $$'; up web; sv -w 1 check web",
    differs: {
      id: "script-signal",
      debian: "ok: run: web: (pid N) Ns\n",
      trinit: "timeout: run: web: (pid N) Ns\nexit 1\n",
    },
  },
  {
    what: "the service of a runsv that was killed is taken over",
    line: `service web 'echo >>../n; exec sleep 600'; up web; was=$(pid_of web); kill -9 $pid
      eventually gone $pid
      bg runsv web; eventually supervised web; sleep 0.2; await web run
      wc -l <n; kill -0 $was && echo "the first lives"; [ $was = $(pid_of web) ] &&
      echo "and is the one"`,
    differs: {
      id: "takeover",
      debian: "2\nthe first lives\nexit 1\n",
      trinit: "1\nthe first lives\nand is the one\n",
    },
  },
  {
    what: "k ends a finish that hangs",
    line: `service web; script web/finish 'exec sleep 600'; up web; sv down web; await web finish
      sv kill web; for _ in 1 2 3 4 5; do sleep 0.1; ! is web down || break; done; look web`,
    differs: {
      id: "finish-killed",
      debian: "20 bytes, now, its process, 0 100 0 2\nstat: finish, want down, pid: same, 1 line\n",
      trinit: "20 bytes, now, no process, 0 100 0 0\nstat: down, pid: same, 0 line\n",
    },
  },
  {
    what: "a log directory without a run",
    line: `service web 'echo hello; exec sleep 600'; mkdir -p web/log/main; up web
      eventually any "has said unable.to.start" "has web/log/main/current hello"
      cut -c 27- web/log/main/current; sed 1q said`,
    differs: {
      id: "builtin-logger",
      debian:
        "runsv web: fatal: unable to start log/./run: file does not exist\n" +
        "! cut: web/log/main/current: No such file or directory\n",
      trinit: "hello\n",
    },
  },
  {
    what: "what runsv does while nothing happens",
    line: `service web; up web; sleep 1.2; cd /proc/$pid; grep ^volun status >"$OLDPWD/was"
      sleep 0.5
      grep ^volun status | cmp - "$OLDPWD/was" && echo nothing`,
  },
];

scenarios("runsv and sv, on purpose", rows);
