// What sv shows of a service in every state, how services are named, and what is in the way.
import { type Scenario, scenarios } from "./scenarios.ts";

/** Ignores TERM, and says when it does. */
const stubborn = "trap '' TERM; >ready; while :; do sleep 0.1; done";

const noLog = "warning: web/log: unable to open supervise/ok: file does not exist";

const states: readonly Scenario[] = [
  { what: "a service that runs", line: "service web; up web; sv status web; look web" },
  { what: "s is status", line: "service web; up web; sv s web; sv stat web; sv somewhere web" },
  {
    what: "a service that is down as it shall be",
    line: "service web; down web; sup web; sv status web; look web",
  },
  {
    what: "a service that runs and is normally down",
    line: "service web; down web; sup web; sv -v up web; sv status web; look web",
  },
  {
    what: "a service that is down and normally up",
    line: "service web; up web; sv -v down web; sv status web; look web",
  },
  {
    what: "a service that was told to go, and stays",
    line: `service web "${stubborn}"; sup web; ready web; sv down web
      eventually flag web 18 1; sv status web; look web`,
  },
  {
    what: "a service that got TERM and is wanted up",
    line: `service web "${stubborn}"; sup web; ready web; sv term web
      eventually flag web 18 1; sv status web; look web`,
  },
  {
    what: "a service that runs once",
    line: "service web; up web; sv once web; eventually flag web 17 100; sv status web; look web",
  },
  {
    what: "a service that is paused",
    line: "service web; up web; sv pause web; eventually flag web 16 1; sv status web; look web",
  },
  {
    what: "a service that goes on after a pause",
    line: `service web; up web; sv pause web; eventually flag web 16 1
      sv cont web; eventually flag web 16 0; sv status web; look web`,
  },
  {
    what: "a service in its finish",
    line: `service web; script web/finish 'exec sleep 600'; up web; sv down web
      await web finish; sv status web; look web`,
  },
  {
    what: "a service in its finish that is wanted up",
    line: `service web 'exit 3'; script web/finish 'exec sleep 600'; sup web
      await web finish; sv status web; look web`,
  },
  {
    what: "a service in its finish that is normally down",
    line: `service web; down web; script web/finish 'exec sleep 600'; sup web; sv -v up web
      sv down web; await web finish; sv status web; look web`,
  },
  {
    what: "a service that waits to be started again",
    line: `service web 'exit 1'; script web/finish '>../ended'; sup web
      eventually has ended; await web down; kill -STOP $pid; sv status web; look web
      kill -CONT $pid`,
  },
  {
    what: "a service and its log",
    line: "service web; logger web; up web; await web/log run; sv status web; look web/log",
  },
  {
    what: "a log that is down",
    line: "service web; logger web; down web/log; up web; sv status web; record web/log",
  },
  {
    what: "a log that was told to go down",
    line: `service web; logger web; up web; await web/log run; sv -v down web/log
      sv status web; sv status web/log; look web/log`,
  },
  {
    what: "a log of its own",
    line: "service web; logger web; up web; await web/log run; sv status web/log; sv -v u web/log",
  },
  {
    what: "a paused log",
    line: `service web; logger web; up web; await web/log run; sv pause web/log
      eventually flag web/log 16 1; sv status web`,
  },
  {
    what: "a log without a runsv is not said to run",
    line: "service web; up web; mkdir web/log; sv status web",
    differs: {
      id: "log-status",
      debian: `run: web: (pid N) Ns; ${noLog}\nrun: log: (pid N) Ns\nexit 1\n`,
      trinit: `run: web: (pid N) Ns; ${noLog}\nexit 1\n`,
    },
  },
  {
    what: "a log that is a file",
    line: "service web; up web; >web/log; sv status web",
  },
  {
    what: "no runsv any more",
    line: "service web; up web; sv -v exit web; sv status web; sv up web; sv -v down web",
  },
  {
    what: "no runsv any more, and a log",
    line: "service web; logger web; up web; sv -v exit web; sv status web; sv status web/log",
  },
];

const names: readonly Scenario[] = [
  {
    what: "several services, in their order",
    line: "service a; service b; service c; up a b c; sv -v down b; sv status c b a",
  },
  { what: "a service that is not there", line: "sv status web; sv up web; sv -v down web" },
  { what: "a service that never had a runsv", line: "service web; sv status web; sv up web" },
  {
    what: "failures are counted",
    line: "service a; up a; sv status x a y z; echo $?; sv up x a y; echo $?",
  },
  {
    what: "no more than 99 failures are counted",
    line: "sv status $(seq 120) >list; echo $?; wc -l <list",
  },
  { what: "a path from here", line: "service web; up web; sv status ./web web/ ./web/ web//" },
  { what: "a path from the root", line: `service web; up web; sv status "$PWD/web"` },
  { what: "the directory itself", line: "service web; up web; cd web; sv status . ./ ../web" },
  {
    what: "names go by SVDIR, paths by the working directory",
    line: `service web; up web; mkdir other; cd other; sv status web; sv status ./web
      sv status web/`,
  },
  { what: "an SVDIR that is not there", line: "SVDIR=/no/such sv status web" },
  { what: "an empty SVDIR", line: `service web; up web; SVDIR= sv status web` },
  {
    what: "an SVDIR from here, and a slash behind it",
    line: "service web; up web; SVDIR=. sv status web; SVDIR=./ sv status web",
  },
  { what: "an empty name", line: `service web; up web; sv status ""; sv up ""` },
  { what: "a file for a service", line: ">web; sv status web; sv up web" },
  {
    what: "a name with a space and bytes that are no text",
    line: String.raw`n=$(printf 'a \377b'); service "$n"; up "$n"; sv status "$n"; sv -v down "$n"`,
  },
  {
    what: "a service by a link",
    line: "service web; ln -s web link; up web; sv status link; sv -v down link",
  },
  {
    what: "a supervise directory by a link, and what is in it",
    line: `service web; ln -s ../else web/supervise; mkdir else; up web; sv status web
      echo else/*`,
    differs: {
      id: "takeover",
      debian:
        "run: web: (pid N) Ns\nelse/control else/lock else/ok else/pid else/stat else/status\n",
      trinit:
        "run: web: (pid N) Ns\n" +
        "else/control else/lock else/ok else/pid else/run.birth else/runsv.birth " +
        "else/stat else/status\n",
    },
  },
  { what: "a service that only has down", line: "mkdir web; down web; sv status web" },
];

const obstacles: readonly Scenario[] = [
  {
    what: "somebody else's service",
    line: `service web; up web; chpst -u daemon sv status web; chpst -u daemon sv up web
      chpst -u daemon sv -v down web; chpst -u daemon sv check web`,
  },
  {
    what: "somebody else's service that can be looked into",
    line: `service web; up web; chmod 755 web/supervise; chpst -u daemon sv status web
      chpst -u daemon sv up web`,
  },
  {
    what: "somebody else's ok, and not control",
    line: `service web; up web; chmod 755 web/supervise; chmod 666 web/supervise/ok
      chpst -u daemon sv status web; chpst -u daemon sv term web; chpst -u daemon sv -v down web`,
  },
  {
    what: "a status that is too short",
    line: "service web; up web; echo short >web/supervise/status; sv status web; sv -v up web",
  },
  {
    what: "an empty status",
    line: "service web; up web; : >web/supervise/status; sv status web; sv check web",
  },
  {
    what: "no status",
    line: "service web; up web; rm web/supervise/status; sv status web; sv -v up web; sv up web",
  },
  {
    what: "a status that is a directory",
    line: `service web; up web; cd web/supervise; rm status; mkdir status; sv status web
      sv up web`,
  },
  {
    what: "no control",
    line: "service web; up web; rm web/supervise/control; sv down web; sv term web; sv s web",
  },
  {
    what: "up is written also to what is up",
    line: "service web; up web; rm web/supervise/control; sv up web",
    differs: {
      id: "command-lost",
      debian: "",
      trinit: `warning: web: unable to open supervise/control: file does not exist\nexit 1\n`,
    },
  },
  { what: "no ok", line: "service web; up web; rm web/supervise/ok; sv up web; sv status web" },
  {
    what: "an ok that is a file",
    line: "service web; up web; rm web/supervise/ok; >web/supervise/ok; sv status web",
  },
  {
    what: "a control that nobody reads",
    line: `service web; up web; rm web/supervise/control; mkfifo web/supervise/control
      sv term web; sv -v down web; sv status web`,
  },
  {
    what: "a down file that cannot be looked for",
    line: "service web; up web; ln -s down web/down; sv status web",
  },
  {
    what: "a runsv that was killed",
    line: `service web; up web; kill -9 $pid; eventually gone $pid; sv status web; sv up web
      sv check web; echo $?`,
  },
];

const rows = [...states, ...names];
scenarios("sv, what it shows", [...rows.map((row) => ({ ...row, mixed: true })), ...obstacles]);
