// Process 1 on a machine where anything is asked for at any time, processes end late or never,
// forks fail, and the engine faults at every point at which its successor can take over: what it
// remembered is all that is left of it then. Seeded: SEED=n runs another life.
import assert from "node:assert/strict";
import { test } from "node:test";
import { step } from "../../src/core/boot.ts";
import {
  type Boot,
  type Effect,
  type Ending,
  type Event,
  newBoot,
  noTerms,
  noteOf,
  notePending,
  pendingIn,
  type Request,
  type Role,
  requests,
  type Terms,
} from "../../src/core/boot-state.ts";
import { stage3LimitMs, stageRetryMs, stageStopMs } from "../../src/core/limits.ts";
import { newRandom } from "../record.ts";

const seed = Number(process.env.SEED ?? 1);
const stepsMax = 100_000;
const names = Object.keys(requests) as Request[];
/** The longest time between two turns. */
const napMs = 4000;
/** TERM, then KILL, then going on without it. */
const stopMaxMs = 2 * stageStopMs + 2 * napMs;

class Fault extends Error {}

interface Process {
  readonly pid: number;
  readonly kind: "stage" | "script" | "await" | "main";
  /** It has ended, and nobody has waited for it. */
  status: number | null;
  /** It was sent TERM or KILL. */
  told: boolean;
  killed: boolean;
}

/** A machine, or a container, and its process 1. */
class Machine {
  boot: Boot;
  now = 0;
  left = false;
  faults = 0;
  /** Nothing fails any more, and what is told to end does. */
  calm = false;
  #note = "1 run 0 0";
  #heard: Request[] = [];
  /** The last turn was a successor's first. */
  #doubtful = false;
  #marks = { stopit: false, ctrlaltdel: false, busybox: false, code: null };
  #pids = 1;
  #processes: Process[] = [];
  /** It goes on without these. */
  readonly #abandoned = new Set<number>();
  /** When stage 3 has to have begun: it was asked to stop. */
  #stopBy: number | null = null;
  readonly #role: Role;
  readonly #terms: Terms;
  /** The main process was started. */
  #hasBegun = false;
  readonly #random: (below: number) => number;

  constructor(role: Role, terms: Terms, random: (below: number) => number) {
    this.#role = role;
    this.#terms = terms;
    this.#random = random;
    this.#marks.busybox = random(2) === 0;
    this.boot = newBoot(role, terms);
    this.#guarded(() => this.#feed({ kind: "begin" }));
  }

  // --- Process 1 ------------------------------------------------------------------------

  /** As programs/init.ts has it; a fault in between, and its successor begins. */
  turn(): void {
    this.#guarded(() => {
      const asked = this.#heard.length > 0;
      if (asked) this.#remember(noteOf(this.boot));
      this.#mayFault();
      this.#reap();
      for (let signal = this.#heard.shift(); signal !== undefined; signal = this.#heard.shift()) {
        this.#feed({ kind: "request", signal, marks: { ...this.#marks } });
      }
      const deadline = this.boot.deadline ?? Number.POSITIVE_INFINITY;
      if (Math.min(deadline, this.boot.main.killAt ?? deadline) <= this.now)
        this.#feed({ kind: "timeout" });
      if (asked) this.#remember(noteOf(this.boot));
    });
    this.#check();
  }

  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#resume();
    }
  }

  #remember(note: string): void {
    this.#note = notePending(note, this.#heard);
  }

  #mayFault(): void {
    if (!this.calm && !this.left && this.#random(50) === 0) throw new Fault();
  }

  #resume(): void {
    this.faults++;
    const limitMs = this.#random(2) === 0 ? null : stage3LimitMs;
    this.#guarded(() => {
      const note = this.#note;
      this.boot = newBoot(this.#role, this.#terms);
      this.#heard = [...pendingIn(note)];
      if (this.#marks.stopit) this.#heard.push("CONT");
      this.#doubtful = true;
      this.#feed({ kind: "resume", note, limitMs });
    });
    const waits = ["delay", "stop", "kill"].includes(this.boot.phase);
    const stopBy = this.now + stopMaxMs + this.#terms.drainMs; // anew
    if (this.#stopBy !== null && waits) this.#stopBy = stopBy;
  }

  #reap(): void {
    const doubtful = this.#doubtful;
    this.#doubtful = false;
    const ended = this.#processes.filter(({ status }) => status !== null);
    this.#processes = this.#processes.filter(({ status }) => status === null);
    this.#mayFault(); // nobody knows of these any more
    for (const { pid, status } of ended) {
      const code = status ?? 0;
      const ending = code < 0 ? { signal: -code } : { code };
      if (pid === this.boot.pid) this.#feed({ kind: "stageEnded", ending });
      else if (pid === this.boot.scriptPid) this.#endScript(ending);
      else if (pid === this.boot.main.pid) this.#endMain(ending);
    }
    const isThere = (pid: number) => pid === 0 || this.#processes.some((one) => one.pid === pid);
    if (doubtful && !isThere(this.boot.pid)) this.#feed({ kind: "stageLost" });
    if (doubtful && !isThere(this.boot.scriptPid)) this.#endScript(null);
    if (doubtful && !isThere(this.boot.main.pid)) this.#endMain(null);
  }

  #endMain(ending: Ending | null): void {
    const isAwait = this.boot.main.phase === "awaited";
    this.#feed(isAwait ? { kind: "awaitEnded" } : { kind: "mainEnded", ending });
    if (!isAwait) this.#mustStop();
  }

  #endScript(ending: Ending | null): void {
    this.#feed({ kind: "scriptEnded", ending, stopit: this.#marks.stopit, place: "x" });
  }

  #feed(event: Event): void {
    const before = this.boot;
    const { boot, effects } = step(before, event, this.now);
    this.boot = boot;
    if (event.kind === "timeout" && before.phase === "kill") this.#abandoned.add(before.pid);
    assert.ok(boot.stage >= before.stage || event.kind === "resume", "no way leads back");
    for (const effect of effects) {
      this.#mayFault();
      this.#perform(effect);
    }
  }

  #perform(effect: Effect): void {
    assert.equal(this.left, false, "something is done after the end");
    switch (effect.kind) {
      case "startStage":
        this.#startStage(effect.stage);
        return;
      case "startScript":
        this.#startScript();
        return;
      case "startAwait":
        this.#startOther("await", { kind: "awaitEnded" });
        return;
      case "startMain":
        assert.ok(!this.#hasBegun, "two main processes");
        this.#startOther("main", { kind: "mainFailed", code: 127 });
        return;
      case "tellMain":
      case "signal": {
        assert.ok(effect.pid > 1 && effect.pid <= this.#pids, "a signal to a stranger");
        const process = this.#processes.find(({ pid }) => pid === effect.pid);
        const killed = effect.kind === "signal" ? effect.kill : effect.signal === 9;
        if (process !== undefined) Object.assign(process, { told: true, killed });
        return;
      }
      case "endAll":
        for (const process of this.#processes) process.told = true;
        return;
      case "take":
        if (effect.mark === "stopit") this.#marks.stopit = false;
        return;
      case "give":
        return; // how it ends is not its world's
      case "remember":
        this.#remember(effect.note);
        return;
      case "leave":
        assert.ok(this.boot.stage === 3 && this.boot.phase === "over");
        this.left = true;
        return;
      case "say":
        return;
    }
  }

  #startStage(stage: number): void {
    const isOther = ({ kind, pid }: Process) => kind === "stage" && !this.#abandoned.has(pid);
    assert.deepEqual(this.#processes.filter(isOther), [], `stage ${stage} beside another`);
    const pid = this.#fails() ? 0 : this.#newProcess("stage");
    if (pid > 0) this.#remember(noteOf({ ...this.boot, phase: "run", pid }));
    this.#mayFault();
    const limitMs = stage === 3 && (this.calm || this.#random(2) === 0) ? stage3LimitMs : null;
    const started: Event = { kind: "stageStarted", pid, place: `stage ${stage}`, limitMs };
    this.#feed(pid > 0 ? started : { kind: "stageFailed" });
  }

  #startScript(): void {
    assert.ok(!this.#processes.some(({ kind }) => kind === "script"), "two scripts");
    const pid = this.#fails() ? 0 : this.#newProcess("script");
    if (pid > 0) this.#remember(noteOf({ ...this.boot, scriptPid: pid }));
    this.#mayFault();
    this.#feed(pid > 0 ? { kind: "scriptStarted", pid } : { kind: "scriptFailed" });
  }

  #startOther(kind: "await" | "main", failed: Event): void {
    const pid = this.#fails() ? 0 : this.#newProcess(kind);
    if (pid > 0) this.#remember(noteOf({ ...this.boot, main: { ...this.boot.main, pid } }));
    this.#hasBegun ||= kind === "main" && pid > 0;
    this.#mayFault();
    this.#feed(pid > 0 ? { kind: `${kind}Started`, pid } : failed);
  }

  #fails(): boolean {
    return !this.calm && this.#random(8) === 0;
  }

  #newProcess(kind: Process["kind"]): number {
    const pid = ++this.#pids;
    this.#processes.push({ pid, kind, status: null, told: false, killed: false });
    return pid;
  }

  #check(): void {
    const { phase, pid, deadline, limitMs, stage } = this.boot;
    const waits = ["pause", "delay", "stop", "kill", "drain", "main"].includes(phase);
    const limited = phase === "run" && limitMs !== null && pid !== 0;
    assert.equal(deadline !== null, waits || limited, "every deadline has a reason");
    const { drainMs, killAfterMs } = this.#terms;
    const longest = Math.max(stageRetryMs, stageStopMs + killAfterMs, drainMs, limitMs ?? 0);
    if (deadline !== null) assert.ok(deadline <= this.now + longest, "and is not for ever");
    if (stage === 3) this.#stopBy = null;
    if (this.#stopBy !== null) assert.ok(this.now <= this.#stopBy, "a request to stop was lost");
  }

  // --- The world ------------------------------------------------------------------------

  /** Something happens, and then process 1 takes its turn, or does not yet. */
  live(): void {
    this.now += this.#random(3) === 0 ? this.#random(napMs) : 0;
    if (this.#random(4) === 0) this.#ask(names[this.#random(names.length)] ?? "CONT");
    if (this.#random(3) === 0) this.#endOne();
    if (this.#random(50) === 0) this.#marks.ctrlaltdel = !this.#marks.ctrlaltdel;
    if (this.#random(4) > 0 || this.#heard.length > 1) this.turn();
  }

  #ask(signal: Request): void {
    if (signal === "CONT" && this.#random(2) === 0) this.#marks.stopit = true;
    // Most of them would end it before anything has happened.
    const isRare = signal !== "INT" && (signal !== "CONT" || this.#marks.stopit);
    if (isRare && this.#random(40) > 0 && !this.calm) return;
    if (this.#heard.includes(signal)) return;
    this.#heard.push(signal);
    if (this.#stops(signal)) this.#mustStop();
  }

  /** Whether it is for process 1 to end everything when it hears this. */
  #stops(signal: Request): boolean {
    if (this.boot.stage === 3) return false;
    if (this.#role === "container" && ["TERM", "QUIT", "RTMIN+3", "PWR"].includes(signal))
      return true;
    const ofMachine = this.#marks.busybox ? ["PWR", "USR1", "USR2", "TERM"] : ["PWR"];
    return ofMachine.includes(signal) && this.#role === "machine" && this.boot.stage === 2;
  }

  #mustStop(): void {
    this.#stopBy ??= this.now + stopMaxMs + this.#terms.drainMs;
  }

  /** A process ends: one that was told to, or one that wants to, or not yet. */
  #endOne(): void {
    const alive = this.#processes.filter(({ status }) => status === null);
    const process = alive[this.#random(alive.length)];
    if (process === undefined) return;
    const { told, killed, kind } = process;
    if (!told && this.#random(10) > 0) return;
    process.status = killed ? -9 : ([0, 0, 1, 100, 111, -11][this.#random(6)] ?? 0);
    if (kind !== "script" || this.#random(2) === 0) return;
    this.#marks.stopit = true;
    if (this.boot.stage === 2) this.#mustStop();
  }

  /** Told to end, with all that it has to do with being well: it does. */
  finish(): void {
    this.calm = true;
    for (let i = 0; i < 200 && !this.left; i++) {
      this.now += napMs;
      if (this.boot.stage < 3) this.#ask("PWR");
      const { stage, pid, main } = this.boot;
      const other = this.#processes.find((one) => one.pid === main.pid);
      if (other?.told) other.status ??= 0;
      const process = this.#processes.find((one) => one.pid === pid);
      const ends = process?.told === true || stage !== 2;
      if (process !== undefined && ends) process.status ??= 0;
      this.turn();
    }
    assert.ok(this.left, JSON.stringify(this.boot));
  }
}

function live(
  role: Role,
  terms: Terms,
  steps: number,
  from: number,
): { lives: number; faults: number } {
  const random = newRandom(from);
  let machine = new Machine(role, terms, random);
  const counts = { lives: 1, faults: 0 };
  for (let i = 0; i < steps; i++) {
    if (!machine.left && random(500) === 0) machine.finish();
    else machine.live();
    if (!machine.left) continue;
    counts.lives++;
    counts.faults += machine.faults;
    machine = new Machine(role, terms, random);
  }
  machine.finish();
  return counts;
}

const withMain: Terms = { hasMain: true, drainMs: 3000, killAfterMs: 7000, success: [] };

for (const [what, role, terms] of [
  ["machine", "machine", noTerms],
  ["container", "container", noTerms],
  ["container with CMD", "container", withMain],
] as const) {
  test(`${stepsMax / 2} things happen to a ${what}: one stage at a time, no request lost`, (t) => {
    const { lives, faults } = live(role, terms, stepsMax / 2, seed);
    t.diagnostic(`seed ${seed}: ${lives} lives, ${faults} faults`);
    assert.ok(lives > 50 && faults > 50);
  });
}
