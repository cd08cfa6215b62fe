// A service against a kernel that is late, forgetful and out of processes, and an operator who
// writes anything at any time. Seeded: SEED=n runs another life.
import assert from "node:assert/strict";
import { test } from "node:test";
import { commands, type Letter, type Signal } from "../../src/core/commands.ts";
import { finishLeaveMs, forkRetryMs } from "../../src/core/limits.ts";
import { deadline, isOver, nextOfPair, step } from "../../src/core/service.ts";
import { type Event, isLeaving, newService, type Service } from "../../src/core/service-state.ts";
import { newRandom } from "../record.ts";

const seed = Number(process.env.SEED ?? 1);
const stepsMax = 100_000;
const letters = Object.keys(commands) as Letter[];
/** The others may end a process, too: nobody knows, so nobody can count on it. */
function isEnd(signal: Signal | null): boolean {
  return signal === "TERM" || signal === "KILL";
}

/** The processes of one service, and everything that happens to them. */
class Kernel {
  service: Service;
  now = 1000;
  starts = 0;
  /** The process of ./run or ./finish; 0: none. */
  pid = 0;
  #pids = 1;
  #script = false;
  /** The script ends only by being killed. */
  #hangs = false;
  #doomed = false;
  /** A finish may be missing, a fork may fail, a control script may be there. */
  calm = false;
  readonly #random: (below: number) => number;

  constructor(log: boolean, random: (below: number) => number) {
    this.#random = random;
    this.service = newService(log);
    this.feed({ kind: "begin", up: random(2) === 0 });
  }

  feed(event: Event): void {
    const next = step(this.service, event, this.now);
    this.service = next.service;
    for (const effect of next.effects) {
      switch (effect.kind) {
        case "startRun":
          assert.equal(this.service.state, "down");
          this.#start(false);
          break;
        case "startFinish":
          this.#start(true);
          break;
        case "startScript":
          assert.equal(this.#script, false, "two control scripts");
          this.#script = this.calm ? false : this.#random(2) === 0;
          this.#hangs = this.#random(4) === 0;
          if (!this.#script) this.feed({ kind: "scriptEnded", ok: false });
          break;
        case "signal":
          assert.equal(effect.pid, this.pid, "a signal to a stranger");
          if (isEnd(effect.signal)) this.#doomed = true;
          break;
        case "killScript":
          assert.ok(this.#script, "no script runs");
          this.#hangs = false;
          break;
        case "askKillAfter": {
          assert.equal(effect.pid, this.pid, "a question about a stranger");
          const ms = [null, Number.POSITIVE_INFINITY][this.#random(4)] ?? this.#random(3000);
          this.feed({ kind: "killAfter", pid: effect.pid, ms });
          break;
        }
        case "leave":
          assert.ok(isOver(this.service));
          break;
      }
    }
    this.#check();
  }

  #start(finish: boolean): void {
    assert.equal(this.pid, 0, "two instances");
    const cause = this.calm ? 9 : this.#random(10);
    if (cause === 0) this.feed({ kind: "startFailed", cause: "fork" });
    else if (cause === 1) this.feed({ kind: "startFailed", cause: "exec" });
    else if (cause === 2 && finish) this.feed({ kind: "startFailed", cause: "absent" });
    else {
      this.pid = ++this.#pids;
      this.#doomed = finish;
      if (!finish) this.starts++;
      this.feed({ kind: "started", pid: this.pid });
    }
  }

  #check(): void {
    const { state, pid, due, scripts } = this.service;
    const ending = this.service.ending || scripts.some(({ signal }) => signal === "TERM");
    assert.ok(pid === 0 || pid === this.pid, "a pid that is nobody's");
    assert.ok(state !== "run" || (pid > 0 && (due === null || ending)));
    assert.ok(state !== "down" || pid === 0);
    const dueMax = this.now + Math.max(forkRetryMs, finishLeaveMs);
    if (due !== null) assert.ok(due <= dueMax, `due too late: ${due - this.now}`);
  }

  end(): void {
    if (this.pid === 0) return;
    this.pid = 0;
    const exit = { code: this.#random(256) - 1, status: this.#random(256) };
    this.feed({ kind: "ended", exit, essential: !this.calm && this.#random(20) === 0 });
  }

  endScript(): void {
    if (!this.#script || this.#hangs) return;
    this.#script = false;
    this.feed({ kind: "scriptEnded", ok: this.#random(2) === 0 });
  }

  /** Something happens. */
  live(): void {
    this.now += this.#random(4) === 0 ? this.#random(1500) : 0;
    const what = this.#random(6);
    if (what === 0 && (this.#doomed || this.#random(4) === 0)) this.end();
    if (what === 1) this.endScript();
    if (what === 2) this.feed({ kind: "timeout" }); // also when nothing is due
    if (what === 3) this.#tick();
    if (what < 4) return;
    const letter = letters[this.#random(letters.length)] ?? "u";
    if (letter === "x" && this.#random(20) > 0) return;
    for (let i = this.#random(3); i >= 0; i--) this.feed({ kind: "command", letter });
  }

  #tick(): boolean {
    const due = deadline(this.service);
    if (due === null) return false;
    this.now = Math.max(this.now, due);
    this.feed({ kind: "timeout" });
    return true;
  }

  /** Everything that is under way comes to its end; a process that nobody told to end stays. */
  settle(): void {
    this.calm = true;
    for (let i = 0; i < 1000; i++) {
      if (this.#script && !this.#hangs) this.endScript();
      else if (this.pid > 0 && (this.#doomed || this.service.ending)) this.end();
      else if (!this.#tick()) {
        this.calm = false;
        return;
      }
    }
    throw new Error("it never comes to rest");
  }
}

/** The last word is kept, whatever was before it. */
function checkLastWord(kernel: Kernel, letter: "u" | "d" | "o"): void {
  const { state, ending, scripts } = kernel.service;
  const runsOn = state === "run" && !ending && !scripts.some(({ signal }) => isEnd(signal));
  const before = kernel.starts;
  kernel.calm = true;
  kernel.feed({ kind: "command", letter });
  kernel.settle();
  const { state: end, want } = kernel.service;
  assert.equal(want, letter === "u" ? "up" : "down");
  assert.equal(end, letter === "d" ? "down" : "run");
  if (letter === "o") assert.equal(kernel.starts, runsOn ? before : before + 1);
}

function live(log: boolean, steps: number, from: number): number {
  const random = newRandom(from);
  let kernel = new Kernel(log, random);
  let lives = 1;
  let starts = 0;
  for (let i = 0; i < steps; i++) {
    kernel.live();
    if (log && random(2000) === 0) kernel.feed({ kind: "retire" });
    if (!isOver(kernel.service) && random(50) === 0 && !isLeaving(kernel.service)) {
      checkLastWord(kernel, (["u", "d", "o"] as const)[random(3)] ?? "u");
    }
    if (!isOver(kernel.service)) continue;
    starts += kernel.starts;
    kernel = new Kernel(log, random);
    lives++;
  }
  assert.ok(starts + kernel.starts > steps / 100, `${starts} starts in ${lives} lives`);
  kernel.calm = true;
  kernel.feed(log ? { kind: "retire" } : { kind: "command", letter: "x" });
  kernel.settle();
  kernel.end(); // a logger ends with its input, a service that was told so at once
  kernel.settle();
  kernel.end();
  kernel.settle();
  assert.ok(isOver(kernel.service), JSON.stringify(kernel.service));
  return lives;
}

for (const log of [false, true]) {
  const what = log ? "logger" : "service";
  test(`${stepsMax / 2} things happen to a ${what}, never two instances, no word is lost`, (t) => {
    const lives = live(log, stepsMax / 2, seed);
    t.diagnostic(`seed ${seed}: ${lives} lives`);
    assert.ok(lives > 5);
  });
}

/** A service and its logger, which end in any order, and what runsv does after every turn. */
function livePair(steps: number, from: number): number {
  const random = newRandom(from);
  let [main, log] = [new Kernel(false, random), new Kernel(true, random)];
  let [isOpen, lives] = [true, 1];
  for (let i = 0; i < steps; i++) {
    (random(2) === 0 ? main : log).live();
    const now = Math.max(main.now, log.now);
    [main.now, log.now] = [now, now];
    const next = nextOfPair(main.service, log.service);
    if (next === "endInput") {
      assert.ok(isOpen, "the input ends once");
      isOpen = false;
      log.feed({ kind: "retire" });
    }
    assert.ok(isOpen || isOver(main.service), "the pipe is open while the service may write");
    if (nextOfPair(main.service, log.service) !== "leave") continue;
    assert.ok(!isOpen && main.pid === 0 && log.pid === 0, "nobody is left behind");
    [main, log] = [new Kernel(false, random), new Kernel(true, random)];
    isOpen = true;
    lives++;
  }
  return lives;
}

test(`${stepsMax / 2} things happen to a service and its logger, whose pipe stays open`, (t) => {
  const lives = livePair(stepsMax / 2, seed);
  t.diagnostic(`seed ${seed}: ${lives} lives`);
  assert.ok(lives > 5);
});
