// runsv: what starts and what it finds, what ends and what follows, every control letter in every
// state, control scripts, loggers, and what is in the way.
import { type Scenario, scenarios } from "./scenarios.ts";

const stubborn = "trap '' TERM; >ready; while :; do sleep 0.1; done";
const keeps = `service web "${stubborn}"; sup web; ready web`;
const stays = "script web/finish '>finishing; exec sleep 600'";
const arguments_ = `script web/finish 'echo "$# $1 $2" >>../ends; exec sleep 600'`;

const life: readonly Scenario[] = [
  {
    what: "a service that ends is started again, a second after it was started",
    line: `service web 'date +%s >>../n; exit 0'; sup web
      eventually lines n 3; (read -r a; read -r b; read -r c
      echo $((b - a > 0)) $((c - b > 0))) <n`,
  },
  {
    what: "one that lived for a second is started at once",
    line: `service web 'date +%s%N >>../n; [ "$(wc -l <../n)" = 1 ] || exec sleep 600
      sleep 1.1; date +%s%N >>../n'
      sup web; eventually lines n 3
      (read -r a; read -r b; read -r c; echo $(((c - b) / 1000000 < 900))) <n`,
  },
  {
    what: "down keeps it from being started, and not from being asked for",
    line: "service web; down web; sup web; look web; sv up web; await web run; look web",
  },
  {
    what: "down that comes later means nothing",
    line: "service web; up web; down web; sv kill web; sleep 0.2; await web run; sv status web",
  },
  {
    what: "exit, and what is left",
    line: `service web; up web; sv exit web; ended $pid; look web; cat said`,
  },
  { what: "TERM is exit", line: "service web; up web; kill $pid; ended $pid; look web; cat said" },
  {
    what: "exit of what is down",
    line: "service web; down web; sup web; sv exit web; ended $pid; look web",
  },
  {
    what: "exit runs finish, and waits for it",
    line: `service web; script web/finish 'sleep 0.3; >../finished'; up web; sv exit web
      ended $pid; ls finished`,
  },
  {
    what: "one that will not go keeps runsv",
    line: `${keeps}; kill $pid; eventually flag web 18 1; look web; cat web/supervise/stat
      sv kill web; ended $pid`,
  },
  {
    what: "other signals to runsv: INT, QUIT and HUP end it, the service stays",
    line: `service web; up web; was=$(pid_of web); kill -HUP $pid; ended $pid; kill -0 $was
      echo $?; kill $was`,
  },
  {
    what: "the files of supervise: kinds, rights, sizes",
    line: `service web; up web; umask 000; cd web/supervise
      stat -c '%A %F %s %h %n' . control lock ok status; stat -c '%A %F %h %n' pid stat`,
  },
  {
    what: "the umask is the operator's, the rights of supervise are not",
    line: `umask 077; service web 'umask; exec sleep 600'; bg runsv web; await web run; cat said
      stat -c '%A %n' web/supervise web/supervise/*[!h]`,
  },
  {
    what: "an old supervise directory is used as it is",
    line: `service web; mkdir -m 755 web/supervise; echo 77 >web/supervise/pid
      mkfifo web/supervise/ok
      >web/supervise/other; up web; stat -c '%A %F' web/supervise web/supervise/ok; look web
      ls web/supervise/other`,
  },
];

const ends: readonly Scenario[] = [
  ...["exit 0", "exit 1", "exit 77", "exit 111", "exit 255"].map((how) => ({
    what: `what finish hears: ${how}`,
    line: `service web '${how}'; ${arguments_}; sup web; await web finish; eventually has ends
      cat ends; look web`,
  })),
  ...["TERM", "KILL", "HUP", "USR1", "SEGV", "PIPE", "ALRM"].map((name) => ({
    what: `what finish hears: ${name}`,
    line: `ulimit -c 0; service web 'kill -${name} $$'; ${arguments_}; sup web; await web finish
      eventually has ends; cat ends`,
  })),
  {
    what: "what finish hears when sv stopped it",
    line: `service web; ${arguments_}; up web; sv down web; eventually has ends
      await web finish; cat ends; look web`,
  },
  {
    what: "what finish hears when run cannot be executed",
    line: `service web; chmod 644 web/run; ${arguments_}; sup web; eventually has ends
      await web finish; cat ends; sed 1q said; look web`,
  },
  {
    what: "what finish hears when there is no run",
    line: `service web; rm web/run; ${arguments_}; sup web; eventually has ends; cat ends
      sed 1q said`,
  },
  {
    what: "what finish hears when run is for a program that is not there",
    line: `service web; echo '#!/no/such' >web/run; ${arguments_}; sup web
      eventually has ends; cat ends; sed 1q said`,
    differs: {
      id: "interpreter",
      debian: "2 111 0\nrunsv web: fatal: unable to start ./run: file does not exist\n",
      trinit:
        "2 111 0\nrunsv web: fatal: unable to start ./run: " +
        "its interpreter /no/such does not exist\n",
    },
  },
  {
    what: "a run that is no program",
    line: `service web; echo 'echo hello' >web/run; ${arguments_}; sup web
      eventually has ends; cat ends; sed 1q said`,
  },
  {
    what: "a finish that cannot be executed",
    line: `service web 'exit 3'; >web/finish; sup web
      eventually grep -q finish said; grep -m1 finish said; await web down`,
  },
  {
    what: "a finish that cannot be opened",
    line: `service web '>ready; exec sleep 600'; ln -s finish web/finish; sup web; ready web
      sv down web; await web down; look web; cat said`,
  },
  {
    what: "a finish that fails changes nothing",
    line: `service web; script web/finish '>../finished; exit 9'; up web; sv -v down web
      ls finished; look web; cat said`,
  },
  {
    what: "the stamp is that of the start until finish has ended",
    line: `service web; script web/finish 'while [ ! -e go ]; do sleep 0.02; done'; up web
      was=$(stamp web); sleep 0.05; sv down web; await web finish
      [ "$was" = "$(stamp web)" ] && echo same
      >web/go; await web down; [ "$was" = "$(stamp web)" ] || echo other`,
  },
  {
    what: "the status while finish runs",
    line: `service web; ${stays}; up web; sv down web; await web finish; look web
      readlink /proc/$(pid_of web)/cwd`,
  },
];

/** Which signals come to run. */
const listens = `for s in HUP INT QUIT USR1 USR2 ALRM TERM CONT; do trap "echo $s >>heard" $s; done
>ready; while :; do sleep 0.05; done`;

const down = "service web; down web; sup web";
const control: readonly Scenario[] = [
  ...["h", "i", "q", "1", "2", "a", "t"].map((letter) => ({
    what: `${letter} to a service that runs`,
    line: `service web '${listens}'; sup web; ready web; tell web ${letter}
      eventually test -s web/heard
      cat web/heard; [ ${letter} != t ] || eventually flag web 18 1; look web`,
  })),
  {
    what: "d to a service that runs: TERM and CONT",
    line: `service web '${listens}'; sup web; ready web; tell web d; eventually has web/heard CONT
      sort web/heard; eventually flag web 18 1; look web`,
  },
  {
    what: "x to a service that runs: TERM and CONT",
    line: `service web '${listens}'; sup web; ready web; tell web x; eventually has web/heard CONT
      sort web/heard; eventually flag web 18 1; look web`,
  },
  {
    what: "k to a service that runs",
    line: `${keeps}; was=$(pid_of web); tell web k; eventually other web $was; look web`,
  },
  {
    what: "p and c",
    line: `${keeps}; tell web p; eventually flag web 16 1; ps -o s= -p $(pid_of web); look web
      tell web c; eventually flag web 16 0; look web`,
  },
  {
    what: "u to what runs once",
    line: `${keeps}; tell web o; eventually flag web 17 100; look web; tell web u
      eventually flag web 17 117; look web`,
  },
  {
    what: "o of what is down",
    line: `${down}; tell web o; await web run; look web; sv kill web; await web down; look web`,
  },
  { what: "u of what is down", line: `${down}; tell web u; await web run; look web` },
  ...["t", "k", "p", "c", "h", "a", "i", "q", "1", "2", "d"].map((letter) => ({
    what: `${letter} to a service that is down`,
    line: `${down}; tell web ${letter}; tell web o; await web run; look web`,
  })),
  {
    what: "what is no letter is ignored",
    line: `${down}; tell web 'UDX?\\000\\377 zz\\n'; tell web o; await web run; look web; cat said`,
  },
  {
    what: "many letters at once, in their order",
    line: `service web '${listens}'; sup web; ready web; tell web h; eventually has web/heard HUP
      tell web i; eventually has web/heard INT; tell web 1; eventually has web/heard USR1
      cat web/heard`,
  },
  {
    what: "x while finish runs",
    line: `service web; script web/finish '>finishing; while [ ! -e go ]; do sleep 0.02; done'
      up web
      sv down web; await web finish; tell web x; sleep 0.1; look web; >web/go; ended $pid`,
  },
  {
    what: "u while finish runs",
    line: `service web; script web/finish '>finishing; while [ ! -e go ]; do sleep 0.02; done'
      up web
      sv down web; await web finish; tell web u; eventually flag web 17 117; look web; >web/go
      await web run; look web`,
  },
  {
    what: "p while finish runs",
    line: `service web; ${stays}; up web; sv down web; await web finish; tell web p
      eventually flag web 16 1; look web; tell web c; eventually flag web 16 0; look web`,
  },
];

const scripts = `script web/s 'echo "$(basename $0) $#" >>asked; exit $(cat ../code)'; echo 0 >code
      mkdir web/control; for l in u d o x t k p c h a i q 1 2; do ln -s ../s web/control/$l; done`;
const hooks: readonly Scenario[] = [
  ...["h", "i", "q", "1", "2", "a", "t", "k", "p", "c"].flatMap((letter) => [
    {
      what: `control/${letter} that succeeds is instead of the signal`,
      line: `service web '${listens}'; ${scripts}; sup web; ready web; : >web/asked
      tell web ${letter}
        eventually has web/asked . ; sleep 0.1; cat web/asked; cat web/heard; look web`,
    },
  ]),
  ...["h", "t"].map((letter) => ({
    what: `control/${letter} that fails is not`,
    line: `service web '${listens}'; ${scripts}; sup web; ready web; echo 1 >code
      : >web/asked; tell web ${letter}
      eventually test -s web/heard; cat web/asked web/heard; [ ${letter} != t ] ||
      eventually flag web 18 1; look web`,
  })),
  {
    what: "d asks control/t, then control/d",
    line: `service web '${listens}'; ${scripts}; sup web; ready web; : >web/asked; tell web d
      eventually has web/asked 'd '; sleep 0.1; cat web/asked web/heard; look web`,
  },
  {
    what: "x asks control/t, then control/x",
    line: `service web '${listens}'; ${scripts}; sup web; ready web; : >web/asked; tell web x
      eventually has web/asked 'x '; sleep 0.1; cat web/asked web/heard; look web`,
  },
  {
    what: "u asks control/u, also at the first start",
    line: `service web; ${scripts}; sup web; await web run; cat web/asked`,
  },
  {
    what: "o asks control/u",
    line: `service web; ${scripts}; down web; sup web; tell web o; await web run; cat web/asked`,
  },
  {
    what: "control/u that fails keeps nothing from being started",
    line: `service web; ${scripts}; echo 1 >code; sup web; await web run; cat web/asked`,
  },
  {
    what: "the owner's right to execute decides",
    line: `service web '${listens}'; mkdir web/control; script web/control/h '>../../asked'
      chmod 677 web/control/h
      sup web; ready web; tell web h; eventually test -s web/heard; cat web/heard; ls asked`,
  },
  {
    what: "a control script for a program that is not there",
    line: `service web '${listens}'; mkdir web/control; echo '#!/no/such' >web/control/h
      chmod 755 web/control/h
      sup web; ready web; tell web h; eventually test -s web/heard; cat web/heard said`,
    differs: {
      id: "reasons",
      debian: "HUP\nrunsv web: fatal: unable to run control/?: file does not exist\n",
      trinit:
        "HUP\nrunsv web: warning: unable to run control/h: " +
        "its interpreter /no/such does not exist\n",
    },
  },
  {
    what: "a control directory in place of a script",
    line: `service web '${listens}'; mkdir -p web/control/h; sup web; ready web; tell web h
      eventually test -s web/heard; cat web/heard said`,
    differs: {
      id: "reasons",
      debian: "HUP\nrunsv web: fatal: unable to run control/?: access denied\n",
      trinit: "HUP\nrunsv web: warning: unable to run control/h: access denied\n",
    },
  },
];

const refusals: readonly Scenario[] = [
  { what: "no directory", line: "runsv web" },
  { what: "no argument, and two", line: "runsv; echo $?; runsv a b; echo $?; runsv ''" },
  { what: "a file for a directory", line: ">web; runsv web" },
  { what: "another runsv", line: "service web; up web; runsv web; echo $?; cd web; runsv ." },
  {
    what: "another runsv of the log",
    line: `service web; logger web; up web; await web/log run; bg runsv web/log; ended $pid
      cat said`,
  },
  { what: "supervise is a file", line: "service web; >web/supervise; runsv web" },
  {
    what: "supervise is a link to a file",
    line: "service web; >web/f; ln -s f web/supervise; runsv web",
  },
  {
    what: "supervise is a link to nothing",
    line: "service web; ln -s ../made web/supervise; up web; stat -c '%A %F' made; look web",
  },
  {
    what: "supervise is a link to nothing, in nothing",
    line: "service web; ln -s no/such web/supervise; runsv web",
  },
  {
    what: "somebody else's directory",
    line: "service web; chpst -u daemon runsv web",
    differs: {
      id: "reasons",
      debian: "! runsv web: fatal: unable to open supervise/lock: file does not exist\nexit 111\n",
      trinit: "! runsv web: fatal: unable to create supervise: access denied\nexit 111\n",
    },
  },
  {
    what: "a directory that cannot be entered",
    line: "service web; chmod 700 web; chpst -u daemon runsv web",
  },
  { what: "a log that is a file", line: "service web; >web/log; up web; cat said; sv status web" },
  {
    what: "control that is a file",
    line: "service web; mkdir -m 700 web/supervise; >web/supervise/control; timeout 2 runsv web",
  },
  {
    what: "ok that is no FIFO is refused, for nobody could use it",
    line: "service web; mkdir -p web/supervise; >web/supervise/ok; timeout 2 runsv web",
    differs: {
      id: "refuses",
      debian: "exit 124\n",
      trinit: "! runsv web: fatal: supervise/ok exists but is not a fifo\nexit 111\n",
    },
  },
  { what: "lock that is a directory", line: "service web; mkdir -p web/supervise/lock; runsv web" },
  {
    what: "status that is a directory",
    line: `service web; mkdir -p web/supervise/status; bg runsv web; eventually test -s said
      sed 1q said`,
  },
  { what: "options are names", line: "runsv -v; runsv --" },
];

scenarios("runsv", [...life, ...ends, ...refusals]);
scenarios("runsv, its control", [...control, ...hooks]);
