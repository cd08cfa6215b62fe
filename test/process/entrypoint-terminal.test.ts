// `trinit entrypoint` at a terminal: who gets its keys, and who has it afterwards.
import assert from "node:assert/strict";
import { test } from "node:test";
import { signalsProgram } from "../entrypoint.ts";
import { bin } from "../harness.ts";
import { openTerminal as open } from "../terminal.ts";

test("Ctrl-C and Ctrl-\\ reach the command, once", async (t) => {
  const terminal = open(t, bin("trinit"), ["entrypoint", signalsProgram(t)]);
  await terminal.waitFor(/^got 0$/m);
  terminal.type("\x03");
  await terminal.waitFor(/got 2$/m);
  terminal.type("\x1c");
  await terminal.waitFor(/got 3$/m);
  process.kill(terminal.pid, "SIGUSR1"); // behind all that it has got
  await terminal.waitFor(/got 10$/m);
  const said = terminal.text().match(/got \d+/g);
  assert.deepEqual(said, ["got 0", "got 2", "got 3", "got 10"]);
});

test("the command leads the process group in the foreground", async (t) => {
  const script = 'ps -o pgid=,tpgid= -p $$; echo "pid $$"';
  const terminal = open(t, bin("trinit"), ["entrypoint", "sh", "-c", script]);
  assert.equal(await terminal.waitForExit(), 0);
  const [, group, foreground, pid] = /(\d+) +(\d+)\npid (\d+)/.exec(terminal.text()) ?? [];
  assert.deepEqual([group, foreground], [pid, pid], terminal.text());
});

test("Ctrl-C ends a command that does nothing about it: 130", async (t) => {
  const script = "echo ready; exec sleep 600";
  const terminal = open(t, bin("trinit"), ["entrypoint", "sh", "-c", script]);
  await terminal.waitFor(/^ready$/m);
  terminal.type("\x03");
  assert.equal(await terminal.waitForExit(), 130);
});

test("an interactive shell has job control", async (t) => {
  const terminal = open(t, bin("trinit"), ["entrypoint", "sh", "-i"]);
  await terminal.waitFor(/ready> /);
  terminal.type("sh -c 'echo run\"\"ning; exec sleep 600'\n");
  await terminal.waitFor(/^running$/m);
  terminal.type("\x1a");
  await terminal.waitFor(/Stopped/);
  terminal.type("exit 7\nexit 7\n"); // the first one is told about the job
  assert.equal(await terminal.waitForExit(), 7);
  assert.ok(!terminal.text().includes("job control"), terminal.text());
});

test("Ctrl-Z gives the terminal back to the shell, and fg goes on", async (t) => {
  const terminal = open(t, "sh", ["-i"]);
  await terminal.waitFor(/ready> /);
  terminal.type("$TRINIT entrypoint sh -c 'echo run\"\"ning; exec cat'\n");
  await terminal.waitFor(/^running$/m);
  terminal.type("\x1a");
  await terminal.waitFor(/Stopped/);
  terminal.type("echo sh''ell\n");
  await terminal.waitFor(/^shell$/m);
  terminal.type("fg\n");
  await terminal.waitFor(/ready> fg\n.*entrypoint/);
  terminal.type("echoed\n");
  await terminal.waitFor(/^echoed\nechoed$/m); // by the terminal, and by cat
  terminal.type("\x04");
  terminal.type("exit 3\n");
  assert.equal(await terminal.waitForExit(), 3);
});

test("in the background of a shell, it leaves the terminal alone", async (t) => {
  const terminal = open(t, "sh", ["-i"]);
  await terminal.waitFor(/ready> /);
  terminal.type("$TRINIT entrypoint sh -c 'echo run\"\"ning; exec sleep 600' &\n");
  await terminal.waitFor(/running$/m);
  for (const word of ["one", "two"]) {
    // the first line may be what a read waits for already
    terminal.type(`echo sh''ell ${word}\n`);
    await terminal.waitFor(new RegExp(`shell ${word}$`, "m"));
  }
});

for (const [what, command] of [
  ["has ended", "true"],
  ["could not be started", "/etc/passwd"],
]) {
  test(`a script that goes on has the terminal again once the command ${what}`, async (t) => {
    const script = `$TRINIT entrypoint ${command}; echo over; read -r line; echo "got $line"`;
    const terminal = open(t, "sh", ["-c", script]);
    await terminal.waitFor(/^over$/m);
    terminal.type("a line\n");
    await terminal.waitFor(/^got a line$/m);
  });
}

test("a terminal on another descriptor than stdin is the command's, too", async (t) => {
  const script = "exec </dev/null; $TRINIT entrypoint sh -c 'read -r a </dev/tty; echo \"got $a\"'";
  const terminal = open(t, "sh", ["-c", script]);
  terminal.type("a line\n");
  await terminal.waitFor(/^got a line$/m);
});
