// Every program by every name it has, with arguments that nobody means: no crash, no fault of the
// program's own, no hang, an exit code that the manual knows, and for a wrong option the usage.
// All of it runs in namespaces where only a few small tmpfs can be written: see runner.c.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { linkedNames } from "../../src/applets.ts";
import { playRounds, type Random } from "../fuzz.ts";
import { bin, deadlineMs, inTime, root, tempDir } from "../harness.ts";
import { inNamespaces } from "../namespace.ts";

const worlds = 6;
const isSanitized = (process.env.TRINIT_BIN ?? "").includes("asan");
/** What has not ended by then stays, or has a second chance with more. */
const patienceMs = isSanitized ? 800 : 200;

/** A root of its own on a tmpfs: the host's /usr, read-only, and nothing else of it. */
const setUp = `
  root=$1 trinit=$2 names=$3 runner=$4
  mount -t tmpfs -o mode=755 tmpfs "$root"
  cd "$root"
  mkdir bin dev etc etc/runit etc/service old proc run tmp usr work
  mount --bind /usr usr
  mount -o remount,bind,ro usr
  for place in lib lib64; do [ ! -e "/$place" ] || ln -s "usr/$place" "$place"; done
  for node in null zero full urandom; do : >"dev/$node"; mount --bind "/dev/$node" "dev/$node"; done
  cp /etc/passwd /etc/group etc
  cp "$trinit" bin/trinit
  cp "$runner" bin/runner
  for name in $names; do [ "$name" = trinit ] || ln -s trinit "bin/$name"; done
  for tool in sh cat true sleep env; do ln -s "/usr/bin/$tool" "bin/$tool"; done
  mount -t proc -o ro proc proc
  pivot_root . old
  cd /
  umount -l /old
  mount -o remount,ro /
  exec /bin/runner`;

// --- A world, and what runs in it -------------------------------------------------------------

interface Job {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly isFirst: boolean;
  readonly isInputOpen: boolean;
}

interface Answer {
  /** A wait status, or -1. */
  readonly status: number;
  readonly output: string;
}

class World {
  readonly #child: ChildProcess;
  #text = "";
  #wake = (): void => {};

  constructor(t: TestContext, runner: string) {
    const names = linkedNames().map(([name]) => name);
    const own = process.geteuid?.() === 0 ? [] : ["--user", "--map-root-user"];
    const spaces = ["--pid", "--mount", "--net", "--uts", "--ipc", "--fork", "--kill-child"];
    const set = [tempDir(t), fs.realpathSync(bin("trinit")), names.join(" "), runner];
    const args = [...own, ...spaces, "--", "/bin/sh", "-ec", setUp, "sh", ...set];
    this.#child = spawn("unshare", args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdout?.setEncoding("latin1").on("data", (text: string) => {
      this.#text += text;
      this.#wake();
    });
    t.after(() => this.#child.kill("SIGKILL"));
  }

  async run({ argv, env, isFirst, isInputOpen }: Job, patience: number): Promise<Answer> {
    const strings = ["/bin/trinit", ...argv, ...env].map((text) => `${text}\0`).join("");
    const numbers = [strings.length, patience, isFirst, isInputOpen, argv.length, env.length];
    const head = Buffer.alloc(24);
    for (const [at, number] of numbers.entries()) head.writeUInt32LE(Number(number), at * 4);
    this.#child.stdin?.write(Buffer.concat([head, Buffer.from(strings, "latin1")]));
    return inTime(this.#answer(), `the end of ${JSON.stringify(argv)}`, () => this.#text);
  }

  async #answer(): Promise<Answer> {
    for (;;) {
      const [head, status, size] = /^(-?\d+) (\d+)\n/.exec(this.#text) ?? [];
      const end = (head?.length ?? 0) + Number(size);
      if (head !== undefined && this.#text.length >= end) {
        const output = this.#text.slice(head.length, end);
        this.#text = this.#text.slice(end);
        return { status: Number(status), output };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

// --- What it is told --------------------------------------------------------------------------

const numbers = [
  ...["0", "1", "-1", "010", "0x10", "1.5", "", " 1", "+5", "NaN", "1e400", "2147483647"],
  ...["2147483648", "4294967295", "4294967296", "9007199254740993", "9223372036854775807"],
  ...["9223372036854775808", "18446744073709551616", "9".repeat(400)],
];
const places = [
  ...[".", "..", "/", "d", "e", "e/sub", "svc", "s", "n", "l", "nothing", "/dev/null", "/dev/full"],
  ...["/proc/self/fd/0", "/proc/1/root", "/etc/passwd", "./s", "a/".repeat(2500), "", "-"],
];
const users = ["root", "nobody", ":0", ":0:0", ":65534", "root:root:nobody", ":", "nosuch", ":-1"];
const commands = ["true", "cat", "./s", "./n", "sh", "env"];
const verbs = "status up down once start stop restart check exit force-stop shutdown s D X";
const words = "help info install stage killall --version --resumed --init now +1 --json";
const notes = ["2 run 5 0 0", "3 over 0", "1 pause", "9 kill x", "2 stop 4194304 1 7 CONT INT", ""];
const names = linkedNames().map(([name]) => name);
const letters = "tvr:R:l:b:LPw:Vu:U:e:/:C:n:m:d:o:p:f:c:s:a:012NXxhk";

/** The letters of those who take options as getopt has it; a wrong one is the usage, and this. */
const strict: Readonly<Record<string, readonly [string, number]>> = {
  sv: ["vVw:", 100],
  svlogd: ["tvr:R:l:b:L", 111],
  runsvdir: ["PL:", 1],
  chpst: ["u:U:b:e:m:d:o:p:f:c:r:t:/:C:n:l:L:vP012V", 100],
  softlimit: ["a:c:d:f:l:m:o:p:r:s:t:", 100],
  setlock: ["nNxX", 100],
  shutdown: ["rwkdfhiHnpP", 100],
};
const codes: Readonly<Record<string, readonly number[]>> = {
  runsv: [0, 1, 111],
  runsvdir: [0, 1, 100, 111],
  svlogd: [0, 111],
  init: [0, 100, 111],
  shutdown: [0, 100, 111],
  utmpset: [0, 1, 111],
  runsvchdir: [0, 1, 111],
};

function value(random: Random): string {
  const text = random.pick([
    () => random.pick(numbers),
    () => random.pick(places),
    () => random.pick(users),
    () => random.pick(commands),
    () => random.pick(notes),
    () => random.pick(names),
    () => random.pick(`${verbs} ${words}`.split(" ")),
    () => random.bytes(random.between(1, 20), "\0"),
    () => random.bytes(1, "\0").repeat(random.pick([1000, 4096, 100000])),
  ])();
  return random.once(15) ? random.mutated(text, "\0") : text;
}

function option(random: Random, known: string): string[] {
  const some = random.picks(random.between(1, 3), [...known.replaceAll(":", "")]).join("");
  const cluster = `-${some}`;
  const shape = random.below(12);
  if (shape < 2) return [cluster + value(random)];
  if (shape < 8) return [cluster, value(random)];
  return shape < 11 ? [cluster] : [`-${random.bytes(random.between(1, 3), "\0")}`];
}

/** As it may be called: with a path, as a login shell, by nothing at all. */
function calledAs(random: Random, name: string): string {
  return random.pick([name, name, name, `/bin/${name}`, `./${name}`, `-${name}`, `x/${name}`]);
}

function makeArgv(random: Random, name: string): string[] {
  if (random.once(60)) return []; // which the kernel makes one empty string
  const program = linkedNames().find(([known]) => known === name)?.[1] ?? name;
  const known = (strict[name] ?? strict[program])?.[0] ?? letters;
  const argv = [random.once(30) ? value(random) : calledAs(random, name)];
  for (let i = random.below(5); i > 0; i--) {
    argv.push(...(random.once(3) ? [value(random)] : option(random, known)));
  }
  if (random.once(8)) argv.push("--");
  for (let i = random.below(4); i > 0; i--) argv.push(value(random));
  return random.once(8) ? ["trinit", ...argv.map((word, at) => (at === 0 ? name : word))] : argv;
}

function makeEnv(random: Random): string[] {
  const env = random.once(10) ? [] : ["PATH=/bin:/usr/bin"];
  env.push(`SVWAIT=${random.once(2) ? random.pick(numbers) : "0"}`);
  if (random.once(3)) env.push(`SVDIR=${random.pick(places)}`);
  if (random.once(10)) env.push(random.bytes(random.between(0, 30), "\0"));
  return env;
}

// --- What must come of it ------------------------------------------------------------------------

/** Programs that stay, and some that may wait. */
const staying = /runsv|svlogd|init|runit|shutdown|halt|reboot|poweroff|^sv$|stage|killall|sleep/;

function mayStay({ argv, isFirst, isInputOpen }: Job): boolean {
  const reads = isInputOpen && argv.some((word) => /cat|sh$|\/fd\/0/.test(word));
  return (
    isFirst || reads || argv.some((word) => staying.test(word.slice(word.lastIndexOf("/") + 1)))
  );
}

/** What runs under limits ends by them; what is run has its own exit code. */
function isChained(argv: readonly string[]): boolean {
  return argv.some((word) =>
    /chpst|envdir|envuidgid|pgrphack|setlock|setuidgid|softlimit/.test(word),
  );
}

function check(job: Job, name: string, { status, output }: Answer): void {
  const wrong = /fault in the program|Sanitizer|runtime error:|exec: /.exec(output);
  assert.equal(wrong, null, output);
  assert.ok(status >= 0 || mayStay(job), "it does not end");
  if (status < 0) return;
  const signal = status & 0x7f;
  if (isChained(job.argv)) return; // a limit, or the program that it became
  assert.equal(signal, 0, `signal ${signal}: ${output}`);
  const code = status >> 8;
  const program = linkedNames().find(([known]) => known === name)?.[1] ?? name;
  if (job.isFirst || job.argv.length === 0 || path.basename(job.argv[0] ?? "") !== name) return;
  const expected = codes[program];
  if (expected !== undefined) assert.ok(expected.includes(code), `exit ${code}: ${output}`);
  if (name === "sv") assert.ok(code <= 100, `exit ${code}: ${output}`);
}

/** A call that is wrong by one letter, and what it has to be. */
async function checkMisuse(world: World, random: Random): Promise<void> {
  const name = random.pick(Object.keys(strict));
  const [known, code] = strict[name] as readonly [string, number];
  const flags = [...known.replaceAll(/[a-zA-Z/]:|V/g, "")];
  const letter = random.bytes(1, `\0-${known}LPjJ`);
  const right = random.once(2) || flags.length === 0 ? "" : random.pick(flags);
  const argv = [name, `-${right}${letter}`, "status", "d", "true"];
  const job = { argv, env: [], isFirst: false, isInputOpen: false };
  const { status, output } = await world.run(job, deadlineMs / 2);
  assert.match(output, /usage: /);
  assert.equal(status >> 8, code, output);
}

async function play(world: World, random: Random): Promise<void> {
  if (random.once(10)) return checkMisuse(world, random);
  const name = random.pick(names);
  const isFirst = random.once(10) && /^(trinit|init|runit|runit-init|runsvdir)$/.test(name);
  const argv = makeArgv(random, name);
  const job: Job = { argv, env: makeEnv(random), isFirst, isInputOpen: random.once(3) };
  try {
    let answer = await world.run(job, patienceMs);
    if (answer.status < 0 && !mayStay(job)) answer = await world.run(job, deadlineMs / 2);
    check(job, name, answer);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const short = (words: readonly string[]) => words.map((word) => word.slice(0, 200));
    const told = JSON.stringify({ ...job, argv: short(job.argv), env: short(job.env) });
    throw new Error(`${told}: ${text}`, { cause: error });
  }
}

test("no arguments make a program crash, hang or run wild", inNamespaces, async (t) => {
  const runner = path.join(tempDir(t), "runner");
  execFileSync("cc", ["-O1", "-static", "-o", runner, path.join(root, "test/fixtures/runner.c")]);
  const all = Array.from({ length: worlds }, () => new World(t, runner));
  await playRounds(t, async (random) => {
    await Promise.all(all.map((world) => play(world, random.fork())));
  });
});
