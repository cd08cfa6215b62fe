// With `-t`: the command has the terminal, its keys and its size.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { IPty } from "node-pty";
import { type ContainerOptions, inEngine, podmanCommand, runArgs } from "../container.ts";
import { inTime } from "../harness.ts";

interface Session {
  readonly terminal: IPty;
  sees(pattern: RegExp): Promise<void>;
  exitCode(): Promise<number>;
}

async function startSession(t: TestContext, options: ContainerOptions): Promise<Session> {
  const { spawn } = await import("node-pty");
  const { args } = await runArgs(t, {
    ...options,
    flags: ["-it", "--rm", ...(options.flags ?? [])],
  });
  const command = podmanCommand(args);
  const env = { ...process.env, ...command.env };
  const terminal = spawn("podman", command.args, { env, cols: 91, rows: 33 });
  let text = "";
  let look = (): void => {};
  terminal.onData((data) => {
    text += data;
    look();
  });
  const exited = new Promise<number>((resolve) => {
    terminal.onExit((exit) => resolve(exit.exitCode));
  });
  t.after(() => terminal.kill("SIGKILL"));
  const sees = (pattern: RegExp): Promise<void> => {
    const seen = new Promise<void>((resolve) => {
      look = () => {
        if (pattern.test(text)) resolve();
      };
      look();
    });
    return inTime(seen, `${pattern}`, () => text);
  };
  const exitCode = (): Promise<number> => inTime(exited, "the end", () => text);
  return { terminal, sees, exitCode };
}

const places = {
  alone: {},
  "beside a service": { web: { "run!": "#!/bin/sh\nexec sleep 600\n" } },
};

for (const [place, services] of Object.entries(places)) {
  test(`the command knows the terminal and its size, ${place}`, inEngine, async (t) => {
    const args = [
      "sh",
      "-c",
      "tty; stty size; trap 'stty size; exit 3' WINCH; echo up; sleep 600 & wait",
    ];
    const session = await startSession(t, { services, args });
    await session.sees(/up/);
    await session.sees(/\/dev\/(pts\/\d+|console)\r\n33 91\r\n/);
    session.terminal.resize(80, 24);
    await session.sees(/24 80/);
    assert.equal(await session.exitCode(), 3);
  });

  test(`Ctrl-C interrupts the command, ${place}`, inEngine, async (t) => {
    const args = [
      "sh",
      "-c",
      "trap 'echo interrupted; exit 4' INT; echo up; while :; do sleep 0.05; done",
    ];
    const session = await startSession(t, { services, args });
    await session.sees(/up/);
    session.terminal.write("\x03");
    await session.sees(/interrupted/);
    assert.equal(await session.exitCode(), 4);
  });

  test(`a shell has job control, ${place}`, inEngine, async (t) => {
    const session = await startSession(t, { services, args: ["sh"] });
    await session.sees(/\/ # /);
    session.terminal.write("sh -c 'echo $((6 * 7)); exec sleep 600'\n");
    await session.sees(/42\r\n/);
    session.terminal.write("\x1a");
    await session.sees(/Stopped/);
    session.terminal.write("exit 5\nexit 5\n"); // it says, once, that a job is stopped
    assert.equal(await session.exitCode(), 5);
  });
}

test("Ctrl-C ends a container of services only", inEngine, async (t) => {
  const run = "#!/bin/sh\ntrap 'echo bye; exit' TERM\necho up\nwhile :; do sleep 0.05; done\n";
  const session = await startSession(t, { services: { web: { "run!": run } } });
  await session.sees(/web \| up/);
  session.terminal.write("\x03");
  await session.sees(/web \| bye/);
  assert.equal(await session.exitCode(), 0);
});
