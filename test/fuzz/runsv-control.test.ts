// runsv under random commands and random bytes, with scripts of every kind, services that end when
// they like and are killed, and a runsv that is killed itself and started again. Never are there
// two instances, no zombie stays, the status is always one, the last command is obeyed, and x ends
// it all.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeStatus, type Status } from "../../src/core/status.ts";
import { playRounds, type Random } from "../fuzz.ts";
import {
  bin,
  commandLine,
  eventually,
  isAlive,
  kill,
  type Program,
  processesOf,
  root,
  serviceDir,
  startRunsv,
  tempDir,
} from "../harness.ts";
import { tell } from "../record.ts";

const servicesPerRound = 8;
/** What is told to end and does not is ended by us after so long. */
const patienceMs = 1500;
/** x has a kind of step of its own: it ends the round's runsv. */
const letters = "udotkpcahiq12";

const steady = "exec sleep 1000";
const stubborn = "trap '' TERM HUP INT QUIT ALRM USR1 USR2; exec sleep 1000";
const bodies: readonly string[] = [
  ...[steady, steady, stubborn],
  ...["exec sleep 0.4", "exec sleep 0.02", "exit 3", "kill -SEGV $$"],
  // No child, which would have the lock for longer than it has lived.
  "exec perl -e '$SIG{TERM} = sub { select undef, undef, undef, 0.2; exit 3 }; sleep 1 while 1'",
];
const finishes = ["exit 0", "sleep 0.1", "exit 5", "kill -9 $$", 'echo "$@" >>ended', steady];
const hooks = ["exit 0", "exit 1", "kill -9 $$", "sleep 0.03", "sleep 0.03; exit 1"];
const loggers = ["exec cat >/dev/null", "exec cat >/dev/null", "exit 1", "exec sleep 0.3"];

/** A script, or what is none: NAME! is executable, NAME/ a directory. */
function scriptFiles(random: Random, name: string, texts: readonly string[]) {
  if (random.once(10)) return { [`${name}/`]: "" };
  if (random.once(10)) return { [name]: "#!/bin/sh\n" };
  if (random.once(10)) return { [`${name}!`]: "#!/no/such/shell\n" };
  return { [`${name}!`]: `#!/bin/sh\n${random.pick(texts)}\n` };
}

function serviceFiles(random: Random): Record<string, string> {
  const chpst = path.join(root, "dist/bin/chpst");
  const files: Record<string, string> = {
    "run!": `#!/bin/sh\necho $$ >>starts\nexec ${chpst} -L instance ./body\n`,
    "body!": `#!/bin/sh\n${random.pick(bodies)}\n`,
  };
  if (random.once(2)) Object.assign(files, scriptFiles(random, "finish", finishes));
  for (const letter of `${letters}x`) {
    if (random.once(4)) Object.assign(files, scriptFiles(random, `control/${letter}`, hooks));
  }
  if (random.once(4)) files.down = "";
  const log = random.below(4);
  if (log === 0) files["log/"] = ""; // the built-in one
  if (log === 1) files["log/run!"] = `#!/bin/sh\n${random.pick(loggers)}\n`;
  return files;
}

function stateOf(pid: number): string {
  try {
    const cwd = fs.readlinkSync(`/proc/${pid}/cwd`);
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    return ` in ${cwd}: ${stat.split(" ").slice(1, 4).join(" ")}`;
  } catch {
    return " has ended"; // between two looks
  }
}

/** A service and its runsv, of which there is always one. */
class Subject {
  readonly #t: TestContext;
  readonly #dir: string;
  readonly #random: Random;
  readonly #runsvs: Program[] = [];
  readonly #did: string[] = [];

  constructor(t: TestContext, dir: string, random: Random) {
    this.#t = t;
    this.#dir = dir;
    this.#random = random;
  }

  get #runsv(): Program {
    return this.#runsvs.at(-1) as Program;
  }

  // --- What there is --------------------------------------------------------------------

  #file(name: string): string {
    return path.join(this.#dir, name);
  }

  #status(where = ""): Status {
    const bytes = fs.readFileSync(this.#file(`${where}supervise/status`), "latin1");
    const status = decodeStatus(bytes);
    assert.ok(status !== null && "ud".includes(bytes[17] ?? ""), `status ${JSON.stringify(bytes)}`);
    return status;
  }

  #starts(): number {
    const file = this.#file("starts");
    return fs.existsSync(file) ? fs.readFileSync(file, "latin1").split("\n").length - 1 : 0;
  }

  #check(): void {
    if (fs.existsSync(this.#file("supervise/status"))) this.#status();
    for (const { stderr } of this.#runsvs) {
      const wrong = /fault in the program|dropping an event|chpst: .*|Sanitizer/.exec(
        stderr.text(),
      );
      assert.equal(wrong, null, stderr.text());
    }
    assert.ok(isAlive(this.#runsv.pid), "runsv has ended by itself");
  }

  // --- What happens ---------------------------------------------------------------------

  /** A killed one's child may have its lock still, on its way to ./run. */
  async start(): Promise<void> {
    const sign = this.#file("supervise/stat"); // the last thing that is made
    await eventually("a runsv", async () => {
      fs.rmSync(sign, { force: true });
      const runsv = startRunsv(this.#t, this.#dir);
      this.#runsvs.push(runsv);
      const hasEnded = await eventually("its status, or its end", async () => {
        if (fs.existsSync(sign)) return "no";
        return (await Promise.race([runsv.exited, null])) !== null && "yes";
      });
      if (hasEnded === "no") return true;
      assert.match(runsv.stderr.text(), /unable to lock (log\/)?supervise\/lock/);
      return false;
    });
  }

  #tell(where: "" | "log", bytes: string): void {
    this.#did.push(`${where} ${JSON.stringify(bytes)}`);
    if (where === "log" && !fs.existsSync(this.#file("log/supervise/control"))) return;
    tell(path.join(this.#dir, where), bytes);
  }

  async #killRunsv(): Promise<void> {
    this.#did.push("kill -9 of runsv");
    this.#runsv.signal("SIGKILL");
    await this.#runsv.waitForExit();
    await this.start();
  }

  /** One thing of many, and a while. */
  async step(): Promise<void> {
    const random = this.#random;
    const what = random.below(24);
    if (what === 0) await this.#killRunsv();
    else if (what === 1) this.#killService();
    else if (what === 2) this.#tell("", random.bytes(random.between(1, 40), "x"));
    else if (what === 3) fs.chmodSync(this.#file("run"), random.pick([0o644, 0o755, 0o755]));
    else if (what < 7) this.#tell("log", random.picks(random.between(1, 4), [...letters]).join(""));
    else this.#tell("", random.picks(random.between(1, 4), [...letters]).join(""));
    if (what === 8 && random.once(10)) await this.#restart();
    if (random.once(2)) await sleep(random.below(random.pick([5, 40, 400])));
    this.#check();
  }

  #killService(): void {
    const { pid } = this.#status();
    this.#did.push(`kill -9 of ${pid}`);
    if (pid > 0) kill(pid, "SIGKILL");
  }

  // --- What has to come of it --------------------------------------------------------------

  /** The last command, and nothing after it. */
  async #obeys(letter: "u" | "d" | "o"): Promise<void> {
    fs.chmodSync(this.#file("run"), 0o755);
    const [before, wasRunning] = [this.#starts(), this.#status().state === "run"];
    const toldAt = Date.now();
    this.#tell("", letter);
    const helpAt = performance.now() + patienceMs;
    await eventually(`${letter} to be obeyed`, () => {
      const { state, want, pid, since } = this.#status();
      if (want !== (letter === "u" ? "up" : "down")) return false;
      if (letter === "d" && state === "down") return true;
      const hasRun = state === "run" || this.#starts() > before;
      if (letter !== "d" && hasRun) return true;
      // One that runs when it hears `o` has its once: also when its end comes with that.
      const endedSince =
        state === "down" && since.seconds * 1000 + since.nanoseconds / 1e6 > toldAt;
      if (letter === "o" && (wasRunning || endedSince)) return true;
      // It may be deaf, have a control/t that does nothing, or hang in finish.
      if (pid > 0 && performance.now() > helpAt) kill(pid, "SIGKILL");
      return false;
    });
    this.#check();
  }

  async #leavesNoZombie(): Promise<void> {
    const { pid } = this.#runsv;
    const children = () => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1");
    await eventually("the last zombie to be reaped", () =>
      children()
        .split(" ")
        .filter((child) => child !== "")
        .every((child) => isAlive(Number(child))),
    );
  }

  async #restart(): Promise<void> {
    await this.#end();
    await this.start();
  }

  async #end(): Promise<void> {
    this.#tell("", "x");
    const runsv = this.#runsv;
    const helpAt = performance.now() + patienceMs;
    const exit = await eventually("x to be obeyed", () => {
      if (performance.now() > helpAt) {
        const { pid } = this.#status();
        if (pid > 0) kill(pid, "SIGKILL");
      }
      return Promise.race([runsv.exited, null]);
    });
    assert.deepEqual(exit, { code: 0, signal: null });
    assert.equal(this.#status().state, "down");
    assert.equal(this.#status().pid, 0);
  }

  /** For whoever has to find out. */
  #picture(): string {
    const files = fs.readdirSync(this.#dir, { recursive: true, encoding: "utf8" });
    const told = ["body", "finish", "log/run", "supervise/stat", "log/supervise/stat"];
    const texts = [...files.filter((name) => name.startsWith("control/")), ...told]
      .map((name) => this.#file(name))
      .filter((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile())
      .map((file) => `${file}: ${fs.readFileSync(file, "latin1").replace(/^#!.*\n/, "")}`);
    const processes = processesOf(this.#t).map(
      (pid) => `${pid} ${commandLine(pid)}${stateOf(pid)}`,
    );
    return `${texts.join("")}${processes.join("\n")}`;
  }

  async live(): Promise<void> {
    try {
      await this.start();
      for (let steps = this.#random.between(5, 60); steps > 0; steps--) await this.step();
      for (const letter of this.#random.picks(2, ["u", "d", "o"] as const)) {
        await this.#obeys(letter);
      }
      await this.#leavesNoZombie();
      await this.#end();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`${text}\n${this.#picture()}\n${this.#did.join("; ")}`, { cause: error });
    }
  }
}

async function play(t: TestContext, random: Random): Promise<void> {
  const scan = tempDir(t);
  const subjects = Array.from({ length: servicesPerRound }, (_, at) => {
    const own = random.fork();
    return new Subject(t, serviceDir(scan, `s${at}`, serviceFiles(own)), own);
  });
  await Promise.all(subjects.map((subject) => subject.live()));
  await eventually("nobody to be left behind", () => processesOf(t).length === 0);
  fs.rmSync(scan, { recursive: true });
}

test("whatever runsv is told, there is one instance, and the last word holds", async (t) => {
  assert.ok(bin("runsv"));
  await playRounds(t, (random) => play(t, random));
});
