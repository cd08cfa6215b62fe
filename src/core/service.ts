// One supervised service, or a logger. Pure: step() decides, programs/runsv.ts acts. Its fields are
// in core/service-state.ts.
//
//     down --started--> run --ended--> finish --ended--> down
//
// Only `ended` leaves run or finish: a process that we killed is ours until it is reaped, so
// there are never two of one service. `state` is what the kernel told us, `want` is what the
// operator asked for; neither is ever guessed from the other.
//
//   in down    pid is 0. `due` says when a start is owed; null: none is.
//   in run     pid is the process of ./run. `due` says when it gets KILL: it was told to end, and
//              timeout-kill says how long it has. null: it was not told, or has for ever.
//   in finish  pid is the process of ./finish, `due` as in run, by timeout-finish; or pid is 0, and
//              `due` is when its fork, which failed, is tried again.
//
// So `due` is about one process, and is gone with it; KILL is due once, and the first word counts.
// The files are read when it matters: an effect asks, and the event `killAfter` is the answer.
//
// An essential service that ends without having been told to wants `end`: as `exit`, but for good.
//
// control/X scripts are one more child, one at a time: `scripts` are those that run (the
// first) or wait. Commands are obeyed meanwhile; a service is only over when they have ended.
// The first one is killed at `scriptDue`, so that a script that hangs holds up nothing for ever;
// null: none runs, or it was killed. `k` waits for no script: it kills the process and the script.
import { type Command, commands, type Letter, type Signal } from "./commands.ts";
import {
  finishLeaveMs,
  forkRetryMs,
  restartPauseMs,
  scriptLeaveMs,
  scriptMs,
  scriptsMax,
} from "./limits.ts";
import {
  type Effect,
  type Event,
  type Exit,
  isLeaving,
  type Script,
  type Service,
  type Step,
} from "./service-state.ts";
import type { Millis } from "./time.ts";

/** What the service becomes by an event, and what is to be done. `now` is monotonic. */
export function step(service: Service, event: Event, now: Millis): Step {
  switch (event.kind) {
    case "begin":
      return announced(
        { ...service, want: event.up ? "up" : "down", due: event.up ? now : null },
        true,
      );
    case "adopted": {
      const { want, state, pid, paused, gotTerm, ending } = event;
      const adopted: Service = { ...service, want, state, pid, paused, gotTerm, ending };
      const next = announced({ ...adopted, startedAt: now }, false);
      return ending || state === "finish" ? asking(next, pid, state) : next;
    }
    case "command":
      return onCommand(service, event.letter, now);
    case "timeout":
      return onTimeout(service, now);
    case "started":
      return onStarted(service, event.pid, now);
    case "startFailed":
      return onStartFailed(service, event, now);
    case "ended":
      return telling(service, onEnded(service, event.exit, event.essential === true, now), now);
    case "killAfter": {
      const { pid, ms } = event;
      const isDelay = isLeaving(service) && service.state === "finish";
      const own = ms ?? (isDelay ? finishLeaveMs : Number.POSITIVE_INFINITY);
      if (own === Number.POSITIVE_INFINITY || service.pid !== pid || service.due !== null) {
        return unchanged(service);
      }
      return unchanged(withScriptTime({ ...service, due: now + own }));
    }
    case "scriptEnded":
      return onScriptEnded(service, event.ok, now);
    case "retire": {
      // A logger that is to start again still has what lies in the pipe to write.
      const again = service.again || (service.want === "up" && isEnding(service));
      const next = leaving(announced({ ...service, want: "exit", again, paused: false }, false));
      if (service.state !== "run") return next;
      // One that is stopped, by whomever, would never come to see the end of its input.
      const goOn: Effect = { kind: "signal", pid: service.pid, signal: "CONT" };
      return { ...next, effects: [goOn, ...next.effects] };
    }
  }
}

/** When step() has to be called with a timeout; null: no earlier than the next event. */
export function deadline(service: Service): Millis | null {
  return earlier(isStarting(service) ? null : service.due, service.scriptDue);
}

function earlier(a: Millis | null, b: Millis | null): Millis | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

/** True once nothing is left to supervise: it is to leave, and it is down. */
export function isOver(service: Service): boolean {
  const { state, due, scripts } = service;
  return isLeaving(service) && state === "down" && due === null && scripts.length === 0;
}

/** What a supervisor does next about its service and its logger: `endInput` closes its end of the
 * log pipe and retires the logger. Once, since the logger's want says that it is done; and not
 * before the service is over, since whoever runs in it writes to that pipe. */
export function nextOfPair(main: Service, log: Service | null): "stay" | "endInput" | "leave" {
  if (!isOver(main)) return "stay";
  if (log === null || isOver(log)) return "leave";
  return log.want === "exit" ? "stay" : "endInput";
}

function announced(service: Service, stamped: boolean): Step {
  return { service, effects: [{ kind: "announce", stamped }] };
}

function unchanged(service: Service): Step {
  return { service, effects: [] };
}

/** The question goes first: its answer is heard before anything else happens. */
function asking({ service, effects }: Step, pid: number, state: "run" | "finish"): Step {
  if (service.log) return { service, effects };
  return { service, effects: [{ kind: "askKillAfter", pid, state }, ...effects] };
}

function leaving(next: Step): Step {
  return isOver(next.service) ? { ...next, effects: [...next.effects, { kind: "leave" }] } : next;
}

/** control/u is on its way, and ./run comes after it. */
function isStarting(service: Service): boolean {
  return service.scripts.some((script) => script.letter === "u");
}

function onCommand(service: Service, letter: Letter, now: Millis): Step {
  if (isOver(service) || (service.log && letter === "x")) return unchanged(service);
  const command = commands[letter];
  if (service.want === "end" && command.want !== null) return unchanged(service);
  if (command.want !== null) return onWant(service, command.want, letter, now);
  const flagged = withPauseFlag(service, command);
  if (letter === "k" && waitsForScript(service)) return forced(service);
  switch (service.state) {
    case "down":
      return announced(flagged, false);
    case "run": {
      const script = { letter, pid: service.pid, signal: command.signal, after: null };
      return withScript(flagged, script, now);
    }
    case "finish": // A finish that hangs would keep the service from ever being down.
      return letter === "k" && service.pid > 0 ? killed(service) : announced(flagged, false);
  }
}

/** True where a control script stands in the way of KILL, or of leaving. control/u before a start
 * that is wanted does not. */
function waitsForScript(service: Service): boolean {
  return service.scripts.length > 0 && (service.state !== "down" || isLeaving(service));
}

/** KILL by hand, while a control script runs: neither that nor control/k is waited for. */
function forced(service: Service): Step {
  const script = scriptKilled(service);
  if (service.pid === 0) return script;
  const process = killed(script.service);
  const ending = service.state === "run" || service.ending;
  const effects = [...process.effects, ...script.effects];
  return { service: { ...process.service, ending }, effects };
}

/** KILL is sent, and none is due any more. */
function killed(service: Service): Step {
  const signal: Effect = { kind: "signal", pid: service.pid, signal: "KILL" };
  return { service: { ...service, due: null }, effects: [signal] };
}

/** The same for the control script that runs. Those that wait do not run where all is over. */
function scriptKilled(service: Service): Step {
  const [first, ...others] = service.scripts;
  if (first === undefined) throw new Error("no control script runs that could be killed");
  const scripts = isLeaving(service) && service.state === "down" ? [first] : [first, ...others];
  return {
    service: { ...service, scripts, scriptDue: null },
    effects: [{ kind: "killScript", letter: first.letter }],
  };
}

function withPauseFlag(service: Service, command: Command): Service {
  if (command.signal === "STOP") return { ...service, paused: true };
  if (command.signal === "CONT") return { ...service, paused: false };
  return service;
}

function onWant(
  service: Service,
  asked: "up" | "down" | "once" | "exit",
  letter: Letter,
  now: Millis,
): Step {
  const starts = asked === "up" || asked === "once";
  // A logger that is retired stays so: its input has ended, it would only start in vain.
  const isRetired = service.log && service.want === "exit";
  if (isRetired && starts && service.state === "run") return unchanged(service);
  const want = isRetired ? "exit" : asked === "once" ? "down" : asked;
  switch (service.state) {
    case "down": {
      // A start asked for by hand comes as early as the rule of one start a second allows.
      const earliest = Math.max(now, service.startedAt + restartPauseMs);
      const due = starts ? Math.min(service.due ?? earliest, earliest) : null;
      return leaving(announced(hurried({ ...service, want, due }, now), false));
    }
    case "run": {
      const again = asked === "once" && isEnding(service);
      const next = hurried({ ...service, want, again }, now);
      return starts ? announced(next, false) : stop(next, letter, now);
    }
    case "finish": {
      const next = announced(hurried({ ...service, want, again: asked === "once" }, now), false);
      const isTimed = asked !== "exit" || service.pid === 0 || service.due !== null;
      return isTimed ? next : asking(next, service.pid, "finish");
    }
  }
}

/** True when ./run has ended by itself within a second of its start; where it was told to end,
 * what is known of the one before it, `was`, still holds. `before` and `after` are the service
 * around the end. */
export function endedEarly(before: Service, after: Service, was: boolean, now: Millis): boolean {
  if (now - after.startedAt >= restartPauseMs) return false;
  return was || !isEnding(before);
}

/** The process was told to go: whoever asks for `once` now means the one after it. */
function isEnding(service: Service): boolean {
  return service.ending || service.scripts.some((script) => isFatal(script.signal));
}

function isFatal(signal: Signal | null): boolean {
  return signal === "TERM" || signal === "KILL";
}

/** control/t, TERM unless that did it, CONT, then control/d (or x), whose result is ignored. */
function stop(service: Service, letter: Letter, now: Millis): Step {
  const { pid } = service;
  const first = withScript(service, { letter: "t", pid, signal: "TERM", after: "CONT" }, now);
  const second = withScript(first.service, { letter, pid, signal: null, after: null }, now);
  return { service: second.service, effects: [...first.effects, ...second.effects] };
}

/** Queues a control script; a logger has none, its signals go out at once. Who is told to end has
 * its time from here on, whatever the scripts before it, or in the place of TERM, do. */
function withScript(service: Service, script: Script, now: Millis): Step {
  const queue = { ...service, scripts: queued(service.scripts, script) };
  if (service.log) return onScriptEnded(queue, false, now);
  const isFirst = queue.scripts.length === 1;
  const effects: Effect[] = [{ kind: "announce", stamped: false }];
  if (isFirst) effects.push({ kind: "startScript", letter: script.letter });
  const next = { service: isFirst ? withScriptDue(queue, now) : queue, effects };
  return standsForTerm(service, script) ? asking(next, service.pid, "run") : next;
}

/** It is control/t, and asked whether TERM is to be sent to the process that runs. */
function standsForTerm({ state, pid }: Service, script: Script): boolean {
  return script.signal === "TERM" && state === "run" && script.pid === pid;
}

/** The first of the scripts is to begin. */
function withScriptDue(service: Service, now: Millis): Service {
  const scriptDue = now + (isLeaving(service) ? scriptLeaveMs : scriptMs);
  return withScriptTime({ ...service, scriptDue });
}

/** What stands for TERM may work for as long as its process may go on. */
function withScriptTime(service: Service): Service {
  const { scripts, scriptDue, due } = service;
  const [first] = scripts;
  if (first === undefined || scriptDue === null || due === null) return service;
  const mayWork = standsForTerm(service, first) && due > scriptDue;
  return mayWork ? { ...service, scriptDue: due } : service;
}

/** The script that runs has less time once its supervisor is to leave. */
function hurried(service: Service, now: Millis): Service {
  const { scriptDue } = service;
  if (scriptDue === null || !isLeaving(service)) return service;
  return withScriptTime({ ...service, scriptDue: Math.min(scriptDue, now + scriptLeaveMs) });
}

/** Behind a script that hangs, a flood of commands is kept as the kernel keeps signals: what
 * waits already is not added a second time, it moves to the end. */
function queued(scripts: readonly Script[], script: Script): readonly Script[] {
  if (scripts.length < scriptsMax) return [...scripts, script];
  const { letter, pid, after } = script;
  const others = scripts.filter(
    (one, place) => place === 0 || one.letter !== letter || one.pid !== pid || one.after !== after,
  );
  return [...others, script];
}

function onScriptEnded(service: Service, ok: boolean, now: Millis): Step {
  const [script, ...scripts] = service.scripts;
  if (script === undefined) throw new Error("a control script ended that was never started");
  let next: Service = { ...service, scripts, scriptDue: null };
  const effects: Effect[] = [];
  if (service.state === "run" && service.pid === script.pid) {
    const { pid, signal } = script;
    if (signal !== null && !ok) effects.push({ kind: "signal", pid, signal });
    if (script.after !== null) effects.push({ kind: "signal", pid, signal: script.after });
    if (isFatal(signal)) {
      const gotTerm = next.gotTerm || (signal === "TERM" && !ok);
      const due = signal === "KILL" && !ok ? null : next.due;
      next = { ...next, ending: true, gotTerm, due };
    }
  }
  effects.push({ kind: "announce", stamped: false });
  if (script.letter === "u" && service.state === "down" && service.due !== null) {
    next = { ...next, due: null };
    effects.push({ kind: "startRun" });
  }
  const following = scripts[0];
  if (following === undefined) return leaving({ service: next, effects });
  effects.push({ kind: "startScript", letter: following.letter });
  // What is left once all is over has one time together.
  const isLast = isLeaving(next) && next.state === "down" && service.scriptDue !== null;
  next = isLast ? { ...next, scriptDue: service.scriptDue } : withScriptDue(next, now);
  return { service: next, effects };
}

function onTimeout(service: Service, now: Millis): Step {
  const { scriptDue } = service;
  if (scriptDue === null || scriptDue > now) return onDue(service, now);
  const script = scriptKilled(service);
  const next = onDue(script.service, now);
  return { service: next.service, effects: [...script.effects, ...next.effects] };
}

/** What is due about the process. */
function onDue(service: Service, now: Millis): Step {
  if (service.due === null || service.due > now || isStarting(service)) return unchanged(service);
  switch (service.state) {
    case "down":
      return service.log
        ? { service: { ...service, due: null }, effects: [{ kind: "startRun" }] }
        : withScript(service, { letter: "u", pid: 0, signal: null, after: null }, now);
    case "run":
      return killed(service);
    case "finish":
      if (service.pid > 0) return killed(service);
      return {
        service: { ...service, due: null },
        effects: [{ kind: "startFinish", exit: service.exit }],
      };
  }
}

function onStarted(service: Service, pid: number, now: Millis): Step {
  switch (service.state) {
    case "down": {
      const running: Service = { ...service, state: "run", pid, startedAt: now, again: false };
      return announced({ ...running, paused: false, gotTerm: false, ending: false }, true);
    }
    case "finish":
      return asking(announced({ ...service, pid }, false), pid, "finish");
    case "run":
      throw new Error(`a second process was started: ${pid} beside ${service.pid}`);
  }
}

function onStartFailed(
  service: Service,
  { cause, essential = false }: Event & { kind: "startFailed" },
  now: Millis,
): Step {
  if (cause === "fork") return announced({ ...service, due: now + forkRetryMs }, false);
  switch (service.state) {
    case "down": {
      // As if it had run and ended at once: ./finish hears 111 0.
      const exit = { code: 111, status: 0 };
      return onEnded({ ...service, state: "run", startedAt: now }, exit, essential, now);
    }
    case "finish":
      return goDown(service, now);
    case "run":
      throw new Error("a start failed while the service runs");
  }
}

function onEnded(service: Service, exit: Exit, essential: boolean, now: Millis): Step {
  switch (service.state) {
    case "run": {
      const isLost = essential && !service.log && !isLeaving(service) && !isEnding(service);
      const want = isLost ? "end" : service.want;
      const over = { pid: 0, due: null, gotTerm: false, ending: false };
      const ended: Service = { ...service, ...over, want, exit };
      if (service.log) return goDown(ended, now);
      return { service: { ...ended, state: "finish" }, effects: [{ kind: "startFinish", exit }] };
    }
    case "finish":
      return goDown(service, now);
    case "down":
      throw new Error("a service ended that was down");
  }
}

/** The end of ./run, said where nobody has asked for it: a process that was to run once may end as
 * it likes with 0, and that of an essential service is said by those who end with it. */
function telling(before: Service, next: Step, now: Millis): Step {
  const { exit } = next.service;
  const isDone = before.want === "down" && exit.code === 0;
  const isAsked = isEnding(before) || isLeaving(before) || isLeaving(next.service) || isDone;
  if (before.state !== "run" || isAsked) return next;
  const tell: Effect = { kind: "tellEnd", exit, livedMs: now - before.startedAt };
  return { ...next, effects: [tell, ...next.effects] };
}

function goDown(service: Service, now: Millis): Step {
  const rested = now - service.startedAt >= restartPauseMs;
  const starts = service.want === "up" || service.again;
  const due = starts ? (rested ? now : now + restartPauseMs) : null;
  const down: Service = { ...service, state: "down", pid: 0, again: false, due };
  const scriptDue = isLeaving(down) && down.scripts.length > 0 ? now + scriptLeaveMs : null;
  const limited = { ...down, scriptDue: earlier(down.scriptDue, scriptDue) };
  return leaving(announced(limited, true));
}
