// Process 1 on a machine where anything is asked for at any time, processes end late or never,
// forks fail, and the engine faults at every point at which its successor can take over: what it
// remembered is all that is left of it then. Seeded: SEED=n runs another life.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Boot,
  type Effect,
  type Ending,
  type Event,
  newBoot,
  noteOf,
  notePending,
  pendingIn,
  type Request,
  type Role,
  requests,
  step,
} from "../../src/core/boot.ts";
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
  readonly isStage: boolean;
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
  #marks = { stopit: false, ctrlaltdel: false };
  #pids = 1;
  #processes: Process[] = [];
  /** It goes on without these. */
  readonly #abandoned = new Set<number>();
  /** When stage 3 has to have begun: it was asked to stop. */
  #stopBy: number | null = null;
  readonly #role: Role;
  readonly #random: (below: number) => number;

  constructor(role: Role, random: (below: number) => number) {
    this.#role = role;
    this.#random = random;
    this.boot = newBoot(role);
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
      const { deadline } = this.boot;
      if (deadline !== null && deadline <= this.now) this.#feed({ kind: "timeout" });
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
      this.boot = newBoot(this.#role);
      this.#heard = [...pendingIn(note)];
      if (this.#marks.stopit) this.#heard.push("CONT");
      this.#doubtful = true;
      this.#feed({ kind: "resume", note, limitMs });
    });
    const waits = this.boot.phase === "stop" || this.boot.phase === "kill";
    if (this.#stopBy !== null && waits) this.#stopBy = this.now + stopMaxMs; // anew
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
    }
    const isThere = (pid: number) => pid === 0 || this.#processes.some((one) => one.pid === pid);
    if (doubtful && !isThere(this.boot.pid)) this.#feed({ kind: "stageLost" });
    if (doubtful && !isThere(this.boot.scriptPid)) this.#endScript(null);
  }

  #endScript(ending: Ending | null): void {
    this.#feed({ kind: "scriptEnded", ending, stopit: this.#marks.stopit });
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
      case "signal": {
        assert.ok(effect.pid > 1 && effect.pid <= this.#pids, "a signal to a stranger");
        const process = this.#processes.find(({ pid }) => pid === effect.pid);
        if (process !== undefined) Object.assign(process, { told: true, killed: effect.kill });
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
    const isOther = ({ isStage, pid }: Process) => isStage && !this.#abandoned.has(pid);
    assert.deepEqual(this.#processes.filter(isOther), [], `stage ${stage} beside another`);
    const pid = this.#fails() ? 0 : this.#newProcess(true);
    if (pid > 0) this.#remember(noteOf({ ...this.boot, phase: "run", pid }));
    this.#mayFault();
    const limitMs = stage === 3 && (this.calm || this.#random(2) === 0) ? stage3LimitMs : null;
    const started: Event = { kind: "stageStarted", pid, place: `stage ${stage}`, limitMs };
    this.#feed(pid > 0 ? started : { kind: "stageFailed" });
  }

  #startScript(): void {
    assert.ok(!this.#processes.some(({ isStage }) => !isStage), "two scripts");
    const pid = this.#fails() ? 0 : this.#newProcess(false);
    if (pid > 0) this.#remember(noteOf({ ...this.boot, scriptPid: pid }));
    this.#mayFault();
    this.#feed(pid > 0 ? { kind: "scriptStarted", pid } : { kind: "scriptFailed" });
  }

  #fails(): boolean {
    return !this.calm && this.#random(8) === 0;
  }

  #newProcess(isStage: boolean): number {
    const pid = ++this.#pids;
    this.#processes.push({ pid, isStage, status: null, told: false, killed: false });
    return pid;
  }

  #check(): void {
    const { phase, pid, deadline, limitMs, stage } = this.boot;
    const waits = ["pause", "stop", "kill", "drain"].includes(phase);
    const limited = phase === "run" && limitMs !== null && pid !== 0;
    assert.equal(deadline !== null, waits || limited, "every deadline has a reason");
    const longest = Math.max(stageRetryMs, stageStopMs, limitMs ?? 0);
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
    const ofMachine = ["PWR", "USR1", "USR2", "TERM"].includes(signal);
    return ofMachine && this.#role === "machine" && this.boot.stage === 2;
  }

  #mustStop(): void {
    this.#stopBy ??= this.now + stopMaxMs;
  }

  /** A process ends: one that was told to, or one that wants to, or not yet. */
  #endOne(): void {
    const alive = this.#processes.filter(({ status }) => status === null);
    const process = alive[this.#random(alive.length)];
    if (process === undefined) return;
    const { told, killed, isStage } = process;
    if (!told && this.#random(10) > 0) return;
    process.status = killed ? -9 : ([0, 0, 1, 100, 111, -11][this.#random(6)] ?? 0);
    if (isStage || this.#random(2) === 0) return;
    this.#marks.stopit = true;
    if (this.boot.stage === 2) this.#mustStop();
  }

  /** Told to end, with all that it has to do with being well: it does. */
  finish(): void {
    this.calm = true;
    for (let i = 0; i < 200 && !this.left; i++) {
      this.now += napMs;
      if (this.boot.stage < 3) this.#ask("PWR");
      const { stage, pid } = this.boot;
      const process = this.#processes.find((one) => one.pid === pid);
      const ends = process?.told === true || stage !== 2;
      if (process !== undefined && ends) process.status ??= 0;
      this.turn();
    }
    assert.ok(this.left, JSON.stringify(this.boot));
  }
}

function live(role: Role, steps: number, from: number): { lives: number; faults: number } {
  const random = newRandom(from);
  let machine = new Machine(role, random);
  const counts = { lives: 1, faults: 0 };
  for (let i = 0; i < steps; i++) {
    if (!machine.left && random(500) === 0) machine.finish();
    else machine.live();
    if (!machine.left) continue;
    counts.lives++;
    counts.faults += machine.faults;
    machine = new Machine(role, random);
  }
  machine.finish();
  return counts;
}

for (const role of ["machine", "container"] as const) {
  test(`${stepsMax / 2} things happen to a ${role}: one stage at a time, no request lost`, (t) => {
    const { lives, faults } = live(role, stepsMax / 2, seed);
    t.diagnostic(`seed ${seed}: ${lives} lives, ${faults} faults`);
    assert.ok(lives > 50 && faults > 50);
  });
}
