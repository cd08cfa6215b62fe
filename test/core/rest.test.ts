// Who is ended when a system ends, and who may ask for it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  descendantsOf,
  isSpared,
  keyOf,
  listNames,
  notEnding,
  notUnderInit,
  parseRunning,
  type Running,
  restOf,
  untold,
} from "../../src/core/rest.ts";

/** A stat as proc(5) has it. */
function stat(pid: number, name: string, more: Record<number, string | number> = {}): string {
  const fields = ["S", 1, pid, pid, 0, -1, 4194560, ...Array(43).fill(0)];
  fields[20 - 3] = 1;
  fields[22 - 3] = 1000 + pid;
  for (const [field, value] of Object.entries(more)) fields[Number(field) - 3] = value;
  return `${pid} (${name}) ${fields.join(" ")}\n`;
}

function running(pid: number, more: Partial<Running> = {}): Running {
  const rest = { isKernel: false, isZombie: false, start: "7" };
  return { pid, name: "x", parent: 1, session: pid, ...rest, ...more };
}

function pidsOf(processes: readonly Running[]): number[] {
  return processes.map(({ pid }) => pid);
}

test("parseRunning(): the fields, behind any name", () => {
  const name = ") S 1 (\n";
  assert.deepEqual(parseRunning(stat(40, name, { 4: 7, 6: 30 })), {
    pid: 40,
    name,
    parent: 7,
    session: 30,
    isKernel: false,
    isZombie: false,
    start: "1040",
  });
});

test("parseRunning() knows a thread of the kernel", () => {
  assert.equal(parseRunning(stat(2, "kthreadd", { 9: 2129984 }))?.isKernel, true);
});

test("parseRunning(): a zombie, and a process whose first thread only has ended", () => {
  assert.equal(parseRunning(stat(40, "x", { 3: "Z" }))?.isZombie, true);
  assert.equal(parseRunning(stat(40, "x", { 3: "Z", 20: 0 }))?.isZombie, true);
  assert.equal(parseRunning(stat(40, "x", { 3: "X", 20: 0 }))?.isZombie, true);
  assert.equal(parseRunning(stat(40, "x", { 3: "Z", 20: 2 }))?.isZombie, false);
});

test("parseRunning() of what is no process", () => {
  for (const text of ["", "40", "40 (x", "40 x) S 1"]) assert.equal(parseRunning(text), null);
});

test("parseRunning() of this very process", () => {
  const one = parseRunning(readFileSync("/proc/self/stat", "latin1"));
  assert.equal(one?.pid, process.pid);
  assert.equal(one?.parent, process.ppid);
  assert.equal(one?.isKernel, false);
});

test("restOf(): all but process 1, the kernel's, zombies, the own session and ancestors", () => {
  const all = [
    running(1, { parent: 0 }),
    running(2, { parent: 0, session: 0, isKernel: true }),
    running(10), // an ancestor in another session
    running(20, { parent: 10 }), // leads the session of self
    running(21, { parent: 20, session: 20 }), // self
    running(22, { parent: 20, session: 20 }), // the next in a pipe
    running(30),
    running(31, { isZombie: true }),
    running(32, { parent: 21 }), // what self has started in a session of its own
  ];
  assert.deepEqual(pidsOf(restOf(all, 21)), [30, 32]);
});

test("restOf() an init that is not process 1: what descends from it", () => {
  const all = [
    running(10), // a bystander
    running(20, { parent: 10, session: 20 }), // init
    running(21, { parent: 20, session: 20 }),
    running(22, { parent: 21 }),
    running(30, { parent: 20, session: 30 }), // self
    running(40, { parent: 20, isZombie: true }),
  ];
  assert.deepEqual(pidsOf(restOf(all, 30, 20)), [21, 22]);
  assert.deepEqual(pidsOf(descendantsOf(all, 20)), [21, 22, 30]);
});

test("restOf() where parents go round in a circle, or cannot be seen", () => {
  const all = [running(10, { parent: 11 }), running(11, { parent: 10 }), running(12)];
  assert.deepEqual(pidsOf(restOf(all, 10)), [12]);
  assert.deepEqual(pidsOf(restOf([running(12, { parent: 5 })], 12)), []);
});

test("isSpared(): who has an @ in front, and is root", () => {
  assert.ok(isSpared("@sbin/mdmon\0md0\0", 0));
  assert.ok(!isSpared("@sbin/mdmon\0md0\0", 1000));
  assert.ok(!isSpared("mdmon\0@\0", 0));
  assert.ok(!isSpared("", 0));
});

test("untold(): not again, and not what those have started who end", () => {
  const told = new Set(["10 7"]);
  const family = [running(12, { parent: 11 }), running(11, { parent: 10 }), running(10)];
  assert.deepEqual(pidsOf(untold([...family, running(20, { parent: 1 })], told)), [20]);
  assert.deepEqual(pidsOf(untold([running(11), running(12, { parent: 11 })], told)), [11, 12]);
  assert.deepEqual(pidsOf(untold(family, new Set())), [12, 11, 10]);
});

test("keyOf(): a pid that is used again is somebody else", () => {
  assert.notEqual(keyOf(running(30)), keyOf(running(30, { start: "8" })));
});

test("listNames() of a few, and of many", () => {
  assert.equal(listNames([running(5, { name: "sh" }), running(6)]), "5 sh, 6 x");
  const many = Array.from({ length: 10 }, (_, at) => running(at + 10));
  assert.ok(listNames(many).endsWith(", 17 x and 2 more"));
});

const file = { id: "1:2", path: "/usr/sbin/trinit" };
const other = { id: "1:3", path: "/lib/systemd/systemd" };
/** Process 1's title and executable, and whether everything may be ended under it. */
const rules: readonly (readonly [string, typeof file, boolean])[] = [
  ["init\0[3]\0", file, true],
  ["runit-init\0[3]\0", { ...file, path: "/usr/sbin/trinit.old" }, true],
  ["init\0[3]\0", { ...other, path: "/usr/sbin/trinit (deleted)" }, true], // an upgrade
  ["init\0[3]\0", other, false],
  ["init\0[3]\0", { ...file, id: "9:2" }, false],
  ["init\0[2]\0", file, false],
  ["init\0[1]\0", file, false],
  ["init [3]\0", file, false],
  ["[3]\0", file, false],
  ["trinit\0killall\0", file, false],
  ["", file, false],
];

for (const [title, first, allowed] of rules) {
  const shown = title.replaceAll("\0", "|");
  test(`notEnding() under ${shown} of ${first.path}: ${allowed ? "null" : "a reason"}`, () => {
    assert.equal(notEnding(title, first, file) === null, allowed);
  });
}

test("notUnderInit(): the executable tells, whatever the stage", () => {
  assert.equal(notUnderInit(file, file), null);
  assert.equal(notUnderInit({ ...other, path: "/usr/sbin/trinit (deleted)" }, file), null);
  assert.notEqual(notUnderInit(other, file), null);
});
