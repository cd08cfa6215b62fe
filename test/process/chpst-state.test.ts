// What a program inherits through chpst: session, level, signals, descriptors; and the rest as it
// was.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runOurs, sameAsOracle, skip } from "../oracle.ts";

const status =
  "grep -E '^(Sig(Blk|Ign|Cgt)|ShdPnd|NoNewPrivs|Seccomp|Umask|Groups):' /proc/self/status";
const descriptors = "ls /proc/self/fd";
const blocking = `import os, signal
signal.pthread_sigmask(0, [2, 13, 14, 17, 34])
os.execvp("chpst", ["chpst", "grep", "SigBlk", "/proc/self/status"])`;
const session = "set -- $(cut -d' ' -f5,6 /proc/$$/stat); echo $(($1 == $$)) $(($2 == $$))";

sameAsOracle("what is inherited", [
  // session
  `chpst sh -c '${session}'`,
  `chpst -P sh -c '${session}'`,
  `pgrphack sh -c '${session}'`,
  `exec setsid -w chpst -P sh -c '${session}'`,
  `exec setsid -w pgrphack sh -c '${session}'`,
  // level
  ...["0", "3", "+3", "-3", "19", "-20", "20", "99", "-99", "007", "''", "+", "-"].map(
    (level) => `chpst -n ${level} nice`,
  ),
  "nice -n 5 chpst -n 1 nice",
  "nice -n 5 chpst -n -7 nice",
  "chpst -n 3 -n 4 nice",
  "chpst -u daemon -n -3 nice",
  "chpst -u daemon chpst -n -3 nice",
  "chpst -u daemon chpst -n 3 nice",
  // signals
  `chpst ${status}`,
  `trap '' PIPE INT USR1 TERM; chpst ${status}`,
  `trap '' PIPE; pgrphack ${status}`,
  "chpst sh -c 'kill -PIPE $$; echo lives'",
  "trap '' PIPE; chpst sh -c 'kill -PIPE $$; echo lives'",
  `python3 -c '${blocking}'`,
  // descriptors
  `chpst ${descriptors}`,
  `exec 5</dev/null 7>file 8<>file2; chpst ${descriptors}`,
  `mkdir env; echo x >env/X; chpst -e env -u daemon -U daemon -P ${descriptors}`,
  "chpst -0 sh -c 'cat <&0; echo $?'",
  "chpst -1 sh -c 'echo x; echo $? >&2'",
  "chpst -2 sh -c 'echo x >&2; echo $?'",
  "chpst -012 sh -c 'ls /proc/self/fd >file'; cat file",
  "chpst -00 sh -c '[ -e /proc/$$/fd/0 ]; echo $?'",
  "chpst -1 no-such-program",
  "chpst -2 no-such-program",
  "chpst sh -c '[ -e /proc/$$/fd/0 ]; echo $?' <&-",
  "chpst sh -c '[ -e /proc/$$/fd/2 ]; echo $?' 2>&-",
  // the rest
  "umask 035; cd /usr; chpst sh -c 'umask; pwd; ulimit -a'",
  "chpst cat /proc/self/comm",
  "chpst sh -c 'cat /proc/$$/oom_score_adj /proc/$$/timerslack_ns'",
]);

test("a descriptor that is closed already may be closed", { skip }, async (t) => {
  const look = "cd /proc/$$/fd; for n in 0 1 2; do [ -e $n ] && echo $n; done";
  const said = await runOurs(t, `chpst -02 sh -c '${look}' <&- 2>&-`);
  assert.equal(said.stdout, "1\n");
});

test("a lock does not become stdin, though that is closed", { skip }, async (t) => {
  const said = await runOurs(t, "chpst -l lock ls -l /proc/self/fd <&- | grep -c '3 -> .*/lock'");
  assert.equal(said.stdout, "1\n");
});
