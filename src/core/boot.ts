// Process 1 from its first moment to its last: stages 1, 2 and 3, what their ends mean, and what
// the signals mean while they run. Pure: it decides, programs/init.ts acts and tells what came.
//
//        begin                ended                  ended, told to stop
//     -----------> stage 1 -----------> stage 2 ------------------------> stage 3 ------> over
//                     |                 |     ^                              ^      ended
//                     |        crashed, |     | 5 s later                    |
//                     |        exit 111 '-> pause -- told to stop ---------->|
//                     '---- crashed, exit 100, a container told to stop -----'
//
// A stage 3 that does not end well is followed by the built-in one, and where that does not either,
// by TERM to everything and a while: nothing is killed that was not told to end.
//
// A container may have a main process, which core/main-process.ts has the life of: its end is the
// container's. Whatever ends a container, the first cause says its exit code. An engine that was
// restarted tells it to stop once more, and grants the whole time again: that changes nothing.
// Ctrl-C typed twice means that nobody wants to wait any longer.
//
// What holds always: `pid` is the stage's process until that is reaped, or has not ended 5 s after
// SIGKILL (a disk or a server that hangs): then the way to the end goes on without it. No way
// leads back from 3. `deadline` is set only in pause, delay, stop, kill, drain and main, and in
// stage 3 with a limit. `over` is left by nothing.
import {
  type Boot,
  type Effect,
  type Ending,
  type Event,
  type Marks,
  noteOf,
  type Request,
  readNote,
  requests,
  type Stage,
  type Step,
} from "./boot-state.ts";
import { restKillMs, stageFailuresMax, stageRetryMs, stageStopMs } from "./limits.ts";
import { beginMain, codeAfter, endMain, isAlive, killMain, leftFor } from "./main-process.ts";
import { type Errno, errnos } from "./message.ts";
import type { Millis } from "./time.ts";

/** What the event changes, and what is to be done about it, in this order. */
export function step(boot: Boot, event: Event, now: Millis): Step {
  const next = boot.phase === "over" ? stay(boot) : decide(boot, event, now);
  const note = noteOf(next.boot);
  if (note === noteOf(boot)) return next;
  return { boot: next.boot, effects: [{ kind: "remember", note }, ...next.effects] };
}

function decide(boot: Boot, event: Event, now: Millis): Step {
  switch (event.kind) {
    case "begin":
      return enter(boot, 1, now);
    case "resume":
      return resume(boot, event.note, event.limitMs, now);
    case "stageStarted": {
      const { pid, place, limitMs } = event;
      const deadline = limitMs === null ? null : now + limitMs;
      const next = { ...boot, phase: "run", pid, place, limitMs, deadline, failures: 0 } as const;
      return boot.stage === 2 ? withMain(next, beginMain(boot.main)) : stay(next);
    }
    case "stageFailed":
      return onFailed(boot, now);
    case "stageEnded":
      return onEnded(boot, event.ending, event.asked ?? null, now);
    case "stageLost": // 2 again, 1 is as good as done
      return onEnded(boot, { code: boot.stage === 2 ? 111 : 0 }, null, now);
    case "scriptStarted":
      return stay({ ...boot, scriptPid: event.pid });
    case "scriptEnded": {
      const rest = { ...boot, scriptPid: 0 };
      const said = [say(`leave stage: ${event.place}`)];
      if (event.ending !== null && crashed(event.ending))
        said.unshift(warn(`child crashed: ${event.place}`));
      return event.stopit ? after(said, onStop(rest, now, 0)) : stay(rest, ...said);
    }
    case "scriptFailed":
      return boot.role === "container" ? onStop(boot, now, 0) : stay(boot);
    case "awaitStarted":
      return stay({ ...boot, main: { ...boot.main, pid: event.pid } });
    case "awaitEnded": {
      const asked = event.asked ?? null; // or it would begin where the end has begun
      if (asked !== null) return onMainEnded(boot, boot.code ?? asked, now);
      const main = { ...boot.main, phase: "run", pid: 0 } as const;
      return stay({ ...boot, main }, { kind: "startMain" });
    }
    case "mainStarted":
      return stay({ ...boot, main: { ...boot.main, pid: event.pid } });
    case "mainFailed":
      return onMainEnded(boot, boot.code ?? event.code, now);
    case "mainEnded":
      return onMainEnded(boot, codeAfter(boot, event.ending, event.asked ?? null), now);
    case "request":
      return onRequest(boot, event.signal, event.marks, now);
    case "forward":
      return stay(boot, ...forwarded(boot, event.signal));
    case "timeout":
      return onTimeout(boot, now);
  }
}

function stay(boot: Boot, ...effects: readonly Effect[]): Step {
  return { boot, effects };
}

function after(said: readonly Effect[], { boot, effects }: Step): Step {
  return { boot, effects: [...said, ...effects] };
}

function say(text: string): Effect {
  return { kind: "say", level: null, text };
}

function warn(text: string): Effect {
  return { kind: "say", level: "warning", text };
}

function withMain(boot: Boot, { main, effects }: ReturnType<typeof beginMain>): Step {
  return stay({ ...boot, main }, ...effects);
}

function enter(boot: Boot, stage: Stage, now: Millis): Step {
  const fresh = { phase: "run", pid: 0, place: "", deadline: null, limitMs: null, failures: 0 };
  const next = { ...boot, ...fresh, stage } as Boot;
  const start: Effect = { kind: "startStage", stage, builtIn: boot.isLast };
  if (stage < 3) return stay(next, start);
  const told = withMain(next, endMain(next, now));
  return stay(told.boot, ...told.effects, start);
}

/** Stage 3 has ended, or is given up. What it has left undone is then done by simpler means. */
function afterStage3(boot: Boot, isDone: boolean, now: Millis): Step {
  if (!isDone && !boot.isLast) return enter({ ...boot, isLast: true }, 3, now);
  if (isDone && !isAlive(boot.main)) return leave(boot);
  const next = { ...boot, phase: isDone ? "main" : "drain" } as const;
  if (!isDone) {
    return stay({ ...next, deadline: now + stageStopMs }, { kind: "endAll", kill: false });
  }
  const { killAt } = boot.main; // null: it was killed, and waited for
  return stay({ ...next, deadline: killAt === null ? now + restKillMs : killAt + stageStopMs });
}

function leave(boot: Boot, ...effects: readonly Effect[]): Step {
  const over = { stage: 3, phase: "over", pid: 0, deadline: null } as const;
  return stay({ ...boot, ...over }, ...effects, { kind: "leave" });
}

/** Where no process can be made, stage 3 has to wait for room: all others are told to end, and then
 * made to, which is more than they would get from a system that ends without it. */
function onFailed(boot: Boot, now: Millis): Step {
  const failures = boot.failures + 1;
  if (boot.stage === 3 && failures >= stageFailuresMax) {
    return leave({ ...boot, failures });
  }
  const said = warn(`trying stage ${boot.stage} again in ${stageRetryMs / 1000} seconds`);
  const next = { ...boot, phase: "pause", failures, deadline: now + stageRetryMs } as const;
  if (boot.stage < 3) return stay(next, said);
  return stay(next, said, { kind: "endAll", kill: failures > 1 });
}

function crashed(ending: Ending): boolean {
  return "signal" in ending;
}

function exitCode(ending: Ending): number {
  return "code" in ending ? ending.code : 111;
}

function onEnded(before: Boot, ending: Ending, asked: number | null, now: Millis): Step {
  const { stage, place, phase, pid } = before;
  const own = before.isTold ? null : ownCode(before, ending);
  const code = before.code ?? leftFor(before, asked) ?? own;
  const boot = { ...before, pid: 0, deadline: null, code };
  const said: Effect[] = [];
  const told = phase === "stop" || phase === "kill";
  if (!told && crashed(ending)) said.push(warn(`child crashed: ${place}`));
  else if (!told && exitCode(ending) !== 0) said.push(warn(`child failed: ${place}`));
  const failed = crashed(ending) || exitCode(ending) === 111;
  if (stage === 2 && phase === "run" && failed) {
    said.push(warn("killing all processes in stage 2..."));
    said.push({ kind: "signal", pid, group: true, kill: true });
    const paused = { ...boot, phase: "pause", deadline: now + stageRetryMs } as const;
    return stay({ ...paused, code: before.code }, ...said);
  }
  said.push(say(`leave stage: ${place}`));
  const isDone = !told && !crashed(ending) && exitCode(ending) === 0;
  if (stage === 3) return after(said, afterStage3(boot, isDone, now));
  if (stage === 2 || told) return after(said, enter(boot, 3, now));
  if (!crashed(ending) && exitCode(ending) !== 100) return after(said, enter(boot, 2, now));
  said.push(warn("skipping stage 2..."));
  return after(said, enter({ ...boot, code: code ?? exitCode(ending) }, 3, now));
}

/** A stage 2 that ends a container by itself may tell why. */
function ownCode({ role, stage, phase }: Boot, ending: Ending): number | null {
  const isOwn = role === "container" && stage === 2 && phase === "run" && !crashed(ending);
  return isOwn && exitCode(ending) > 0 ? exitCode(ending) : null;
}

/** The end of a container, unless that is why it has ended, or the last thing waited for. */
function onMainEnded(before: Boot, code: number, now: Millis): Step {
  const boot = { ...before, code, main: { phase: "over", pid: 0, killAt: null } } as const;
  if (boot.phase === "main") return leave(boot);
  return boot.phase === "delay" ? stopNow(boot, now) : onStop(boot, now, 0);
}

/** A machine acts on what runit acts on, on a power failure, and, where a file says that these are
 * in use, on busybox's halt, poweroff and reboot: others send the same signals for other reasons.
 * A container acts on whatever engines and people send to end one. */
function onRequest(boot: Boot, signal: Request, marks: Marks, now: Millis): Step {
  if (boot.role === "container") return onContainerRequest(boot, signal, marks, now);
  switch (signal) {
    case "CONT":
      return onCont(boot, marks, now);
    case "INT":
    case "TYPED":
      return onCtrlAltDel(boot, marks);
    case "PWR":
      return endMachine(boot, off, now);
    case "USR1":
    case "USR2":
      return marks.busybox ? endMachine(boot, off, now) : stay(boot);
    case "TERM":
      return marks.busybox ? endMachine(boot, again, now) : stay(boot);
    case "QUIT":
    case "RTMIN+3":
      return stay(boot);
  }
}

function onContainerRequest(boot: Boot, signal: Request, marks: Marks, now: Millis): Step {
  switch (signal) {
    case "CONT":
      if (!marks.stopit && isAlive(boot.main)) return stay(boot, ...forwarded(boot, requests.CONT));
      if (!marks.stopit) return onCont(boot, marks, now);
      return onCont({ ...boot, code: boot.code ?? leftFor(boot, marks.code) }, marks, now);
    case "INT":
      if (marks.ctrlaltdel && boot.stage > 1) return onCtrlAltDel(boot, marks);
      return onEndSignal(boot, requests.INT, marks, now);
    case "TYPED":
      return onTyped(boot, marks, now);
    case "QUIT":
      return onEndSignal(boot, requests.QUIT, marks, now);
    case "PWR":
      return after([off], onEndSignal(boot, requests.TERM, marks, now));
    case "TERM":
    case "RTMIN+3":
      return onEndSignal(boot, requests.TERM, marks, now);
    case "USR1":
    case "USR2":
      return stay(boot, ...forwarded(boot, requests[signal]));
  }
}

/** To the main process, which the signal was meant for. */
function forwarded({ main }: Boot, signal: number): readonly Effect[] {
  return isAlive(main) ? [{ kind: "tellMain", pid: main.pid, signal }] : [];
}

/** What is killed was not done with its work. */
const killedCode = 137;

/** An engine stops the container, or a person; once more changes nothing. */
function onEndSignal(before: Boot, signal: number, marks: Marks, now: Millis): Step {
  if (before.isTold) return stay(before);
  const code = before.code ?? marks.code;
  const boot = { ...before, isTold: true, stopSignal: signal, code };
  return onStop(boot, now, boot.terms.drainMs);
}

/** Ctrl-C at the container's terminal is an INT. The second one while the container ends finishes
 * the delay, and after that all waiting. */
function onTyped(boot: Boot, marks: Marks, now: Millis): Step {
  if (!boot.isTold || !boot.isTyped)
    return onContainerRequest({ ...boot, isTyped: true }, "INT", marks, now);
  if (boot.phase === "delay") return stopNow(boot, now);
  const code = boot.code ?? (isAlive(boot.main) ? null : killedCode);
  return leave({ ...boot, code }, warn("interrupted again, killing all processes"));
}

function onCont(boot: Boot, marks: Marks, now: Millis): Step {
  if (boot.stage === 3) return marks.stopit ? stay(boot, deaf, heard) : stay(boot, deaf);
  if (marks.stopit) return onStop(boot, now, boot.terms.drainMs);
  return boot.stage === 1 ? stay(boot, deaf) : stay(boot);
}

/** To power off or to reboot, whatever was asked for before. In stage 1, too: somebody has typed it
 * at the shell that this has started, or sees that it does not end. */
function endMachine(boot: Boot, how: Effect, now: Millis): Step {
  return boot.stage === 3 ? stay(boot, deaf) : after([how], onStop(boot, now, 0));
}

const off: Effect = { kind: "take", mark: "reboot" };
const again: Effect = { kind: "give", mark: "reboot" };
const heard: Effect = { kind: "take", mark: "stopit" };
const deaf = warn("signals only work in stage 2.");

function onCtrlAltDel(boot: Boot, marks: Marks): Step {
  if (boot.stage !== 2) return stay(boot, deaf);
  const said = say("ctrl-alt-del request...");
  const starts = marks.ctrlaltdel && boot.phase === "run" && boot.scriptPid === 0;
  return starts ? stay(boot, said, { kind: "startScript" }) : stay(boot, said);
}

/** Told to stop: stage 1 of a container is a script and whatever that waits for, stage 2 is
 * asked to end, as runit does it, and leaves its services to stage 3. Where somebody has to notice
 * that nothing more may come in, all goes on for a while. */
function onStop(boot: Boot, now: Millis, delayMs: Millis): Step {
  const { stage, phase } = boot;
  if (stage === 3 || phase === "stop" || phase === "kill" || phase === "delay") {
    return stay(boot, heard);
  }
  if (stage === 1 || delayMs === 0) return after([heard], stopNow(boot, now));
  const said = say(`told to end, which begins in ${delayMs / 1000} seconds`);
  return stay({ ...boot, phase: "delay", deadline: now + delayMs }, heard, said);
}

function stopNow(boot: Boot, now: Millis): Step {
  const { stage, pid } = boot;
  if (pid === 0) return enter(boot, 3, now); // in its pause
  const next = { ...boot, phase: "stop", deadline: now + stageStopMs } as const;
  const told = withMain(next, endMain(next, now));
  return stay(told.boot, ...told.effects, { kind: "signal", pid, group: stage === 1, kill: false });
}

function onTimeout(boot: Boot, now: Millis): Step {
  const { stage, phase, pid, limitMs, place, main, deadline } = boot;
  if (main.killAt !== null && (deadline === null || main.killAt <= deadline)) {
    const said = warn("the main process does not end, sending sigkill...");
    return after([said], withMain(boot, killMain(main)));
  }
  if (phase === "pause") {
    const said = stage === 2 && boot.failures === 0 ? [warn("restarting.")] : [];
    const next = { ...boot, phase: "run", deadline: null } as const;
    return stay(next, ...said, { kind: "startStage", stage, builtIn: boot.isLast });
  }
  if (phase === "delay") return stopNow(boot, now);
  if (phase === "drain" || phase === "main") return leave(boot);
  if (phase === "kill") {
    const said = [warn(`${place} does not end, going on without it`)];
    const gone = { ...boot, pid: 0, deadline: null };
    if (stage === 3) return after(said, afterStage3(gone, false, now));
    return after(said, enter(gone, 3, now));
  }
  const late = phase === "stop" ? `stage ${stage} not terminated` : `${place} took too long`;
  const limit = limitMs === null ? "" : ` (the limit is ${limitMs / 1000} seconds)`;
  const kill: Effect = { kind: "signal", pid, group: stage !== 2, kill: true };
  const said = warn(`${late}${limit}, sending sigkill...`);
  return stay({ ...boot, phase: "kill", deadline: now + stageStopMs }, said, kill);
}

// --- What survives a fault of the engine -----------------------------------------------------

/** Goes on where the predecessor stood. What cannot be read means stage 2, anew: whatever runs is
 * left alone by that. */
function resume(boot: Boot, note: string, limitMs: Millis | null, now: Millis): Step {
  const known = readNote(boot, note);
  if (known === null) return enter(boot, 2, now);
  const { stage, phase, pid } = known;
  if (phase === "over") return leave(known);
  const resumed = resumeMain(known, now);
  const waits = phase === "delay" || phase === "drain" || phase === "main";
  if (pid === 0 && !waits) return after(resumed.effects, enter(resumed.boot, stage, now));
  const limit = stage === 3 ? limitMs : null;
  const killMs = phase === "main" ? boot.terms.killAfterMs : 0;
  const delay = phase === "delay" ? boot.terms.drainMs : killMs + stageStopMs;
  const wait = phase === "run" ? limit : delay;
  const deadline = wait === null ? null : now + wait;
  const place = `stage ${stage}`;
  return stay({ ...resumed.boot, place, limitMs: limit, deadline }, ...resumed.effects);
}

/** What the predecessor was about to do for the main process. */
function resumeMain(boot: Boot, now: Millis): Step {
  const { main, stage, pid, terms } = boot;
  const killAt = main.phase === "told" ? now + terms.killAfterMs : null;
  if (main.phase === "due" && stage === 2 && pid !== 0) return withMain(boot, beginMain(main));
  if (main.phase === "awaited" && main.pid === 0) return stay(boot, { kind: "startAwait" });
  if (main.phase === "run" && main.pid === 0) return stay(boot, { kind: "startMain" });
  return stay({ ...boot, main: { ...main, killAt } });
}

// --- Stages that cannot be started -----------------------------------------------------------

/** Nothing that time would mend. */
const lasting: readonly Errno[] = [
  ...[errnos.ENOENT, errnos.EACCES, errnos.EPERM, errnos.ENOEXEC, errnos.ENOTDIR],
  ...[errnos.EISDIR, errnos.ELOOP, errnos.EINVAL, errnos.ENAMETOOLONG, errnos.E2BIG],
];

/** True where the built-in stage takes the place of a file that cannot be started: not because a
 * process, a descriptor or memory was short for a moment, unless that has lasted. */
export function isReplaced({ failures }: Boot, errno: Errno, call: string): boolean {
  return (call !== "fork" && lasting.includes(errno)) || failures + 1 >= stageFailuresMax;
}

/** What timeout-3 says, in milliseconds; null: for ever; undefined: nothing that is understood. */
export function parseLimit(text: string): Millis | null | undefined {
  const word = text.trim();
  const limit = Number(word);
  if (word === "" || !(limit >= 0)) return undefined;
  return limit === 0 ? null : limit;
}
