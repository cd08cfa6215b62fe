// svlogd: options, config, files and their rights, rotation, signals, patterns, processors, UDP;
// what it says of what is in the way.
import { type Scenario, scenarios } from "./scenarios.ts";

/** The stamps of all three kinds, without their digits. */
const blank = "sed 's/[0-9]/9/g; s/@4[0-9a-f]*/@STAMP/'";
const digits = "sed 's/@[0-9a-f]\\{24\\}/@STAMP/; s/[0-9]\\{4\\}-[0-9:._T-]*/TIME/'";

const writing: readonly Scenario[] = [
  { what: "lines", line: "mkdir log; words 3 | svlogd log; logs log" },
  { what: "-t", line: `mkdir log; words 3 | svlogd -t log; cat log/current | ${digits}` },
  { what: "-tt", line: `mkdir log; words 3 | svlogd -tt log; cat log/current | ${digits}` },
  { what: "-ttt", line: `mkdir log; words 3 | svlogd -ttt log; cat log/current | ${digits}` },
  {
    what: "-tttt is as -ttt",
    line: `mkdir log; words 3 | svlogd -tttt log; cat log/current | ${blank}`,
  },
  {
    what: "stamps have one width",
    line: `mkdir log; for o in -t -tt -ttt; do echo | svlogd $o log; done; wc -c log/current`,
  },
  { what: "no input", line: "mkdir log; svlogd log </dev/null; logs log" },
  {
    what: "a last line without its end is written, too",
    line: "mkdir log; printf 'a\\nb' | svlogd log; cat log/current",
    differs: { id: "last-line", debian: "a\n", trinit: "a\nb\n" },
  },
  {
    what: "empty lines",
    line: `mkdir log; printf '\\n\\na\\n\\n' | svlogd -tt log; cat log/current | ${digits}`,
  },
  {
    what: "bytes that are no text",
    line: "mkdir log; printf 'a\\000b\\377\\001\\t\\033\\r\\n' | svlogd log; od -An -c log/current",
  },
  {
    what: "-r",
    line: `mkdir log; printf 'a\\000b\\377\\001\\t\\033\\r\\n' | svlogd -r . log
      od -An -c log/current`,
  },
  {
    what: "-R",
    line: "mkdir log; printf 'abcabc\\001\\n' | svlogd -R bc log; od -An -c log/current",
  },
  {
    what: "-r and -R",
    line: "mkdir log; printf 'abcabc\\001\\n' | svlogd -r x -R bc log; od -An -c log/current",
  },
  {
    what: "-R that has the end of a line",
    line: `mkdir log; printf 'a\\nb\\n' | svlogd -R 'a
' log; od -An -c log/current`,
  },
  {
    what: "a line longer than -l",
    line: `mkdir log; (words 30 | tr '\\n' ' '; echo; echo next) | svlogd -l 20 -b 50 log
      cat log/current`,
  },
  {
    what: "a line longer than -l, stamped",
    line: `mkdir log; (words 30 | tr '\\n' ' '; echo; echo next) | svlogd -tt -l 20 -b 50 log
      cat log/current | ${digits}`,
  },
  {
    what: "a line longer than the usual buffer",
    line: `mkdir log; (words 400 | tr '\\n' ' '; echo; echo next) | svlogd log
      md5sum <log/current`,
  },
  { what: "much", line: "mkdir log; words 20000 | svlogd log; md5sum <log/current" },
  { what: "several directories", line: "mkdir a b; words 3 | svlogd a b; logs a b" },
  { what: "a directory that is named twice", line: "mkdir a; words 3 | svlogd a a; logs a" },
  {
    what: "what was there is gone on with",
    line: "mkdir log; words 2 | svlogd log; words 2 more | svlogd log; logs log",
  },
  {
    what: "what was there and is not finished is put aside",
    line: `mkdir log; words 2 >log/current; chmod 644 log/current; words 2 more | svlogd log
      logs log`,
  },
  {
    what: "an empty current that is not finished",
    line: "mkdir log; >log/current; words 2 | svlogd log; logs log",
  },
  { what: "-v", line: `mkdir log; words 2 | svlogd -v log 2>&1` },
  {
    what: "the rights of what is being written",
    line: `mkdir log; umask 077; sink svlogd log; echo a >&9; eventually test -s log/current
      logs log; exec 9>&-; ended $pid; logs log`,
  },
  { what: "a prefix", line: "config log 'pweb: '; words 2 | svlogd log; cat log/current" },
  {
    what: "a prefix and a stamp",
    line: `config log 'pweb: '; words 2 | svlogd -tt log; cat log/current | ${digits}`,
  },
  {
    what: "an empty prefix, and two",
    line: "config a p; config b pone ptwo; words 2 | svlogd a b; cat a/current b/current",
  },
];

const rotation: readonly Scenario[] = [
  {
    what: "s, to the byte",
    line: `config log s3000; words 500 | svlogd -l 100 -b 200 log; wc -c log/@* log/current |
      sed 's/@[0-9a-f]*/@STAMP/'; stat -c %A log/@*`,
  },
  {
    what: "s with k",
    line: `config log s4k; words 900 | svlogd log; wc -c log/@* log/current |
      sed 's/@[0-9a-f]*/@STAMP/'`,
  },
  {
    what: "s0 never rotates",
    line: "config log s0; words 90000 | svlogd log; ls log; md5sum <log/current",
  },
  {
    what: "n",
    line: `config log s2000 n3; words 2000 | svlogd log; ls log | wc -l
      cat log/@* log/current | wc -c; tail -n 1 log/current`,
  },
  {
    what: "n0 keeps all",
    line: `config log s2000 n0; words 2000 | svlogd log; ls log/@* | wc -l
      cat log/@* log/current | md5sum`,
  },
  { what: "n1", line: "config log s2000 n1; words 2000 | svlogd log; ls log/@* | wc -l" },
  {
    what: "no more are removed than come",
    line: `config log s2000 n3; for i in 1 2 3 4 5 6
      do echo $i >log/@4000000000000000000000$i.s; done; words 200 | svlogd log; ls log/@* |
      wc -l`,
  },
  {
    what: "a size that is smaller than a line",
    line: "config log s10; words 20 | svlogd log; cat log/@* log/current | wc; ls log/@* | wc -l",
  },
  {
    what: "ALRM rotates",
    line: `mkdir log; sink svlogd log; echo a >&9; eventually test -s log/current
      kill -ALRM $pid; eventually has_old log; echo b >&9; exec 9>&-; ended $pid; logs log`,
  },
  {
    what: "ALRM does not rotate what is empty",
    line: `mkdir log; sink svlogd log; eventually has log/current; kill -ALRM $pid; sleep 0.3
      exec 9>&-; ended $pid; logs log`,
  },
  {
    what: "t rotates in time",
    line: `config log t1; sink svlogd log; echo a >&9; eventually has_old log; exec 9>&-
      ended $pid; logs log`,
  },
  {
    what: "t does not rotate what is empty",
    line: `config log t1; sink svlogd log; eventually has log/current; sleep 2.2; exec 9>&-
      ended $pid; logs log`,
  },
];

const signals: readonly Scenario[] = [
  {
    what: "TERM",
    line: `mkdir log; sink svlogd log; echo a >&9; eventually test -s log/current; kill $pid
      ended $pid; logs log`,
  },
  {
    what: "TERM within a line",
    line: `mkdir log; sink svlogd log; printf 'a\\nb' >&9; eventually test -s log/current
      kill $pid; sleep 0.2; exec 9>&-; ended $pid; logs log`,
    differs: {
      id: "last-line",
      debian: "exit 0\n-rwxr--r-- log/current\na\n-rw------- log/lock\n",
      trinit: "exit 0\n-rwxr--r-- log/current\na\nb\n-rw------- log/lock\n",
    },
  },
  {
    what: "HUP reads config again",
    line: `mkdir log; sink svlogd log; echo a >&9; eventually test -s log/current
      config log 'pnew: '; kill -HUP $pid; sleep 0.3; echo b >&9; exec 9>&-; ended $pid
      logs log`,
  },
  {
    what: "HUP takes in a directory that is there now",
    line: `mkdir a; sink svlogd a b; echo 1 >&9; eventually test -s a/current; mkdir b
      kill -HUP $pid; eventually has b/lock; sleep 0.2; echo 2 >&9; exec 9>&-; ended $pid
      logs a b; cat said`,
  },
  {
    what: "HUP and a current that was moved away",
    line: `mkdir log; sink svlogd log; echo a >&9; eventually test -s log/current
      mv log/current moved; kill -HUP $pid; eventually has log/current; echo b >&9; exec 9>&-
      ended $pid; logs log; cat moved`,
  },
];

const calls: readonly Scenario[] = [
  { what: "no directory", line: "svlogd" },
  { what: "options and no directory", line: "svlogd -t; echo $?; svlogd -r x; svlogd --" },
  {
    what: "-l, -b and -r that are no good",
    line: `mkdir log
      for o in '-l 0' '-l x' '-b 10' '-b x' '-l 2000' '-r xy' '-r ' '-b 1000' '-b 1001'
      do echo "$o"; echo a | svlogd $o log; echo $?; done`,
  },
  { what: "no such directory", line: "echo a | svlogd log" },
  {
    what: "no such directory, and one that is there",
    line: "mkdir log; echo a | svlogd none log; logs log",
  },
  { what: "a file for a directory", line: ">log; echo a | svlogd log" },
  {
    what: "a directory that cannot be written to",
    line: "mkdir log; chmod 555 log; echo a | chpst -u daemon svlogd log",
  },
  {
    what: "a directory that cannot be entered",
    line: "mkdir log; chmod 700 log; echo a | chpst -u daemon svlogd log",
  },
  {
    what: "a directory that another one has",
    line: `mkdir log; sink svlogd log; echo a >&9; eventually test -s log/current; echo b |
      svlogd log; echo $?; logs log`,
  },
  {
    what: "a current that is a directory",
    line: "mkdir -p log/current; echo a | timeout -s KILL 2 svlogd log",
  },
  {
    what: "a config that is a directory",
    line: "mkdir -p log/config; echo a | svlogd log; cat log/current",
  },
  {
    what: "a config that cannot be read",
    line: `config log 'px'; chmod 000 log/config; chmod 777 log; echo a |
      chpst -u daemon svlogd log; cat log/current`,
  },
  {
    what: "a config with what means nothing is complained of",
    line: "config log '' '# no' 'xyz' 'pok '; echo a | svlogd log; cat log/current",
    differs: {
      id: "config-said",
      debian: "ok a\n",
      trinit: `ok a\n! svlogd: warning: log: "xyz" in config is not understood\n`,
    },
  },
  {
    what: "a current that is removed",
    line: `mkdir log; sink svlogd log; echo a >&9; eventually test -s log/current
      rm log/current; echo b >&9; sleep 0.3; exec 9>&-; ended $pid; cat log/current`,
    differs: {
      id: "log-removed",
      debian: "exit 0\n! cat: log/current: No such file or directory\nexit 1\n",
      trinit: "exit 0\nb\n",
    },
  },
  {
    what: "a config that cannot be read deletes nothing",
    line: `mkdir -p log/config; for i in $(seq 10 45)
      do echo $i >log/@4000000000000000000000$i.s; done; words 200000 | svlogd log 2>/dev/null
      ls log | grep -c ^@400000000000000000000`,
    differs: { id: "config-unreadable", debian: "34\n", trinit: "36\n" },
  },
  {
    what: "a config without an end of its last line",
    line: "mkdir log; printf 'pone' >log/config; echo a | svlogd log; cat log/current",
  },
  { what: "-V", line: "svlogd -V 2>&1 | grep -v -e Id: -e trinit | sed 's/svlogd \\[.*/USAGE/'" },
];

const long = "1234567890abcdefghij";
const patterns: readonly Scenario[] = [
  ...[
    ["- deselects", "-*bad*"],
    ["+ selects again", "-*|+*good*"],
    ["the last that matches decides", "-*|+*line*|-*bad*"],
    ["a star at the end", "-line*"],
    ["a star in the middle", "-line * bad"],
    ["a plus", "-li+ne 1"],
    ["a plus at the end", "-line +"],
    ["a pattern without stars", "-line 1"],
    ["nothing", "-"],
    ["only a star", "-*"],
    ["a star takes no more than to the next", "-*i*n*"],
    ["two stars", "-**"],
  ].map(([what = "", pattern = ""]) => ({
    what: `pattern: ${what}`,
    line: `config log ${pattern
      .split("|")
      .map((one) => `'${one}'`)
      .join(" ")}; (words 3; words 2 liine; words 2 'line good'; words 2 'line bad'; echo
      echo line bad) | svlogd log; cat log/current`,
  })),
  {
    what: "pattern: a plus, and a line that is shorter than the one before",
    line: `config log '-+l+i+n+e+ +1'; (echo line 1; echo) | svlogd log
      cat log/current`,
    differs: { id: "pattern-end", debian: "", trinit: "\n" },
  },
  {
    what: "e and E",
    line: "config log 'e*bad*' 'E*2'; (words 2 good; words 3 bad) | svlogd log; cat log/current",
  },
  {
    what: "e with a stamp and a prefix",
    line: `config log 'pweb: ' 'e*bad*'; (words 2 good; words 3 bad) | svlogd -tt log 2>&1 |
      ${digits}; cat log/current | ${digits}`,
  },
  {
    what: "e of a line that is too long",
    line: `config log 'e*'; echo ${long}${long} | svlogd -l 20 -b 30 log; cat log/current`,
  },
  {
    what: "e and a line that is not selected",
    line: "config log '-*' 'e*'; words 2 | svlogd log; cat log/current",
  },
  {
    what: "only -l bytes are looked at",
    line: `config log '-*z*'; (echo ${long}${long}z; echo z${long}) | svlogd -l 20 -b 90 log
      cat log/current`,
  },
  {
    what: "a stamp is no part of what is looked at",
    line: `config log '-line 1'; words 2 | svlogd -tt log; cat log/current | ${digits}`,
  },
  {
    what: "what -r has replaced is what is looked at",
    line: "config log '-a.b'; printf 'a\\001b\\nc\\n' | svlogd -r . log; cat log/current",
  },
  {
    what: "each directory has its own",
    line: `config a '-*bad*'; config b '-*' '+*bad*'; (words 2 good; words 2 bad) | svlogd a b
      logs a b`,
  },
];

const old = "eventually has_old log";
const processors: readonly Scenario[] = [
  {
    what: "a processor",
    line: `config log s2000 n2 '!tr a-z A-Z'; words 300 | svlogd log; ${old}; cat log/@*.s |
      sed 1q; ls log/*.u log/*.t 2>&1 | wc -l; logs log | grep -v LINE | grep -v line`,
  },
  {
    what: "what a processor finds",
    line: `config log '!pwd; ls /proc/self/fd | tr "\\n" " "; env | grep -v TRINIT | sort
      cat'; sink svlogd log; echo a >&9; eventually test -s log/current; kill -ALRM $pid
      ${old}; exec 9>&-; ended $pid; cat log/@*.s`,
  },
  {
    what: "a processor's state",
    line: `config log '!cat <&4; echo more >&5; cat'; sink svlogd log; for i in 1 2 3
      do echo $i >&9; eventually test -s log/current; kill -ALRM $pid
      eventually has_olds log $i; done; exec 9>&-; ended $pid; logs log`,
  },
  {
    what: "a processor that fails is asked again",
    line: `config log '![ -e ok ] || { >ok; exit 1; }; cat'; sink svlogd log; echo a >&9
      eventually test -s log/current; kill -ALRM $pid; ${old}; exec 9>&-; ended $pid; logs log
      cat said`,
  },
  {
    what: "svlogd waits for its processor",
    line: `config log '!sleep 0.5; cat'; sink svlogd log; echo a >&9
      eventually test -s log/current; kill -ALRM $pid; eventually test -e log/newstate
      exec 9>&-; ended $pid; logs log`,
  },
  {
    what: "what a predecessor has left for the processor",
    line: `config log '!tr a-z A-Z'; echo old >log/@400000005f000000000000aa.u
      words 1 | svlogd log; cat log/@*`,
    differs: { id: "leftovers", debian: "old\n", trinit: "OLD\n" },
  },
  {
    what: "an unfinished current, for the processor",
    line: `config log '!tr a-z A-Z'; echo old >log/current; chmod 644 log/current
      words 1 | svlogd log; cat log/@*`,
    differs: { id: "leftovers", debian: "old\n", trinit: "OLD\n" },
  },
];

const listen = "listen; to=127.0.0.1:$(cat port)";
const udp: readonly Scenario[] = [
  {
    what: "u",
    line: `${listen}; config log "u$to"; words 2 | svlogd log; eventually lines got 2
      cat got log/current`,
  },
  {
    what: "U",
    line: `${listen}; config log "U$to"; words 2 | svlogd log; eventually lines got 2
      cat got log/current`,
  },
  {
    what: "u with a stamp and a prefix",
    line: `${listen}; config log "u$to" 'pweb: '; words 2 | svlogd -tt log
      eventually lines got 2; cat got | ${digits}`,
  },
  {
    what: "u of a line that is too long",
    line: `${listen}; config log "u$to"; echo ${long}${long} | svlogd -l 20 -b 30 log
      eventually lines got 1; cat got log/current`,
  },
  {
    what: "u of what is selected",
    line: `${listen}; config log "u$to" '-*1'; words 2 | svlogd log; eventually lines got 1
      cat got`,
  },
  {
    what: "an address that is none",
    line: `config log uhost; words 1 | svlogd log; cat log/current; config log u1.2.3
      words 1 | svlogd log; config log u1.2.3.4:x; words 1 | timeout -s KILL 2 svlogd log`,
  },
];

scenarios("svlogd", [...writing, ...rotation, ...signals, ...calls]);
scenarios("svlogd, selected lines and processors", [...patterns, ...processors, ...udp]);
